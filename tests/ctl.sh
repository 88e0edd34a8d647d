#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ctl.sh TIDEMARKCTL: runs it over a tree of files. Prints TAP.
set -u
ctl=$1
count=0 failed=0
root=$(mktemp -d) || exit
trap 'rm -rf "$root"' EXIT
export TIDEMARK_ROOT="$root"

is() { # is NAME COMMAND...: ok if the command succeeds.
	count=$((count + 1))
	name=$1
	shift
	if "$@"; then
		echo "ok $count - $name"
	else
		failed=1
		echo "not ok $count - $name"
		printf 'status %s\n' "$status" | cat - "$root/out" "$root/err" | cat -v | sed 's/^/# /'
	fi
}

run() { # Leaves $status, $root/out and $root/err.
	"$ctl" "$@" >"$root/out" 2>"$root/err"
	status=$?
}

good() { [ "$status" -eq 0 ] && [ ! -s "$root/err" ]; }
bad() { [ "$status" -eq 1 ] && [ ! -s "$root/out" ] && grep -q "^tidemarkctl: .*$1" "$root/err"; }
said() { good && grep -qF -- "$1" "$root/out"; }
# json EXPRESSION: whether that holds of the document d on stdout.
json() { good && python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); sys.exit(not eval(sys.argv[2]))' "$root/out" "$1"; }
# calm FILE: no byte that a terminal would take for a command.
calm() { ! LC_ALL=C tr -d '\n' <"$1" | LC_ALL=C grep -q '[[:cntrl:]]' && ! grep -q "$(printf '\302\233')" "$1"; }
have_json() { python3 -c '' 2>/dev/null; }
if have_json; then is_json() { is "$@"; }; else is_json() {
	count=$((count + 1))
	echo "ok $count - $1 # SKIP no python3"
}; fi

# limits NAMESPACE OWNER CONTAINER [MEMBERS]
limits() {
	mkdir -p "$root/var/lib/tidemark/limits/$1/$2"
	printf '{"v":1,"namespace":"%s","owner":"%s","container":"%s"%s}\n' "$1" "$2" "$3" "${4:-}" \
		>"$root/var/lib/tidemark/limits/$1/$2/$3.json"
}
# record ID NAMESPACE OWNER CONTAINER POD [MEMBERS]: strings as JSON has them.
record() {
	mkdir -p "$root/run/tidemark/containers"
	printf '{"v":1,"id":"%s","namespace":"%s","owner":"%s","container":"%s","pod":{"name":"%s"},"runtime":"crun","bundle":"/b","oom_score_adj":0,%s"created_usec":1}\n' \
		"$1" "$2" "$3" "$4" "$5" "${6:-}" >"$root/run/tidemark/containers/$1.json"
}

# ---- An empty node ----

run status
is "an empty node says so" said "No container has been created through tidemark here yet."
is "a daemon that does not run is told" grep -q 'daemon NOT RUNNING' "$root/out"
run -o json status
is_json "an empty node is valid JSON" json 'd["v"] == 1 and d["workloads"] == [] and d["daemon"] is False'
run explain web
is "what is not known is told on stderr" bad 'no container, pod or workload web is known'
run history web
is "nothing is told of a history that is not there" test "$status" -eq 1 -a ! -s "$root/out"
is "and it is said why" grep -Eq '^tidemarkctl history: (there is no history yet|this tidemarkctl was built without)' "$root/err"

# ---- A node at work ----

decision='"declared":536870912,"recommended":201326592,"decision":{"mode":"enforce","source":"enforced","limit":375824384,"reason":"enforced+max-change"},"prestart":{"current":204800,"peak":409600},'
limits shop web nginx ',"image_ref":"sha256:aa","revision":2,"recommended":{"request":134217728,"limit":201326592,"request_term":"p95","limit_term":"request","from_avg":84934656,"from_p95":106954752,"from_max":108003328},"enforced":{"request":134217728,"limit":201326592},"warmup":{"done":true,"since_usec":1},"observed":{"samples":35,"fresh_samples":35,"since_usec":1000000,"until_usec":39000000,"avg":84934656,"p95":106954752,"max":108003328},"declared":536870912,"applied":375824384'
limits shop db postgres ',"recommended":{"request":67108864,"limit":318767104,"request_term":"min","limit_term":"oom"},"oom":{"kills":2,"usec":1,"limit":209715200,"floor":314572800},"declared":536870912,"applied":536870912'
id_rest=000000000000000000000000000000000000000000000000
record 0123456789abcdef$id_rest shop web nginx web-5d4f8c7b6d-x2x4z "$decision"
record 0129999999999999$id_rest shop web nginx web-5d4f8c7b6d-bbbbb "$decision"
record a-name-that-somebody-chose - box box '' "$decision"
mkdir -p "$root/etc/tidemark"
printf '[node]\nmode = enforce\n' >"$root/etc/tidemark/tidemark.conf"

run status
is "status has a line a workload" said shop/web/nginx
is "status shows what was declared, applied and recommended" \
	grep -Eq '^shop/web/nginx +0 +512Mi +358Mi +- +102Mi +103Mi +192Mi  stepping down$' "$root/out"
is "status shows a workload of which nothing is published" \
	grep -Eq '^-/box/box +0 +512Mi +358Mi +- +- +- +-  measuring$' "$root/out"
run -o json status
is_json "status in JSON has the same" json \
	'[w["state"] for w in d["workloads"]] == ["measuring", "warming up", "stepping down"] and d["workloads"][2]["recommended_limit"] == 201326592 and d["workloads"][2]["p95"] == 106954752 and d["workloads"][1]["oom_kills"] == 2'
run status -o json
is_json "options may follow the command" json 'len(d["workloads"]) == 3'

run explain shop/web/nginx
is "explain tells where the limit came from" said "the request, 128Mi, × 1.5, up to the next 16Mi"
is "explain tells where the request came from" said "the 95th percentile, 102Mi, × 1.2, up to the next 16Mi"
is "explain tells which guard moved a container's limit" said "at most 30 % away from the limit applied before"
is "explain shows all containers of a workload" test "$(grep -c '^  container ' "$root/out")" -eq 2
printf '[namespace "shop"]\nmode = observe\nmax_change = 50 %%\n' >>"$root/etc/tidemark/tidemark.conf"
run explain shop/web/nginx
is "explain goes by the settings of the namespace" said "at most 50 % away from the limit applied before"
run status
is "and so does status" grep -q '^shop/web/nginx .* recommended$' "$root/out"
printf '[node]\nmode = enforce\n' >"$root/etc/tidemark/tidemark.conf"
run explain db
is "a workload is found by its owner" said shop/db/postgres
is "explain tells of OOM kills" said "OOM kills so far: 2; the last at this limit"
run explain nginx
is "a workload is found by its container's name" said shop/web/nginx
run explain 01234
is "a container is found by the beginning of its id" said 'container 0123456789ab of pod web-5d4f8c7b6d-x2x4z, crun, not running'
is "of its workload's containers it alone is shown" test "$(grep -c '^  container ' "$root/out")" -eq 1
run explain 012
is "three characters of an id are too few" bad 'no container, pod or workload 012 is known'
run explain web-5d4f8c7b6d-bbbbb
is "a container is found by its pod" said 'container 012999999999'
run explain -/box/box
is "a workload outside Kubernetes is no option" said -/box/box
is "a name that a person chose is not cut" grep -q '^  container a-name-that-somebody-chose, crun' "$root/out"
run explain -- box
is "what follows -- is no option" said -/box/box
run -o json explain shop/web/nginx
is_json "explain in JSON has the same" json \
	'len(d) == 1 and d[0]["workload"] == "shop/web/nginx" and len(d[0]["containers"]) == 2 and {n["name"]: n.get("bytes") for n in d[0]["numbers"]}["limit"] == 201326592'
run -o json explain db
is_json "OOM kills are in JSON, too" json 'd[0]["numbers"][-1]["name"] == "oom" and d[0]["containers"] == []'
run -o json explain a-na
is_json "a workload of which nothing is published is valid JSON" json 'd[0]["containers"][0]["id"] == "a-name-that-somebody-chose"'
record protected - safe safe '' "$decision"'"protect":{"request":104857600,"low":104857600,"high":161480704},'
run explain protected
is "explain tells what protects a container" grep -Eq '^  memory.low +100Mi  reclaimed only when .*the request, 100Mi$' "$root/out"
is "also what slows it down" grep -Eq '^  memory.high +154Mi  above it ' "$root/out"
is "and nothing of what does not" test "$(grep -c memory.min "$root/out")" -eq 0
run -o json explain protected
is_json "protection is in JSON, too" json '{n["name"]: n.get("bytes") for n in d[0]["containers"][0]["numbers"]}["memory.high"] == 161480704'
run settings
is "settings shows what is in force" said 'mode = enforce'

# ---- Recommendations for manifests ----

kind() { # kind OWNER_KIND OOM_SCORE_ADJ: members of a workload whose recommendation is ready.
	printf ',"owner_kind":"%s","oom_score_adj":%s,"recommended":{"request":234881024,"limit":352321536,"request_term":"p95","limit_term":"request","from_p95":188743680},"enforced":{"request":234881024,"limit":352321536},"observed":{"samples":900,"since_usec":1000000,"until_usec":21601000000,"avg":115343360,"p95":188743680,"max":220200960},"declared":536870912,"applied":536870912' "$1" "$2"
}
limits fn api server "$(kind Deployment -997)"
limits fn api logs "$(kind Deployment 1000)"
limits fn nightly dump "$(kind CronJob 999)"
limits fn lone lone "$(kind Pod 1000)"

yaml() { # yaml EXPRESSION: whether that holds of the documents d on stdout.
	[ "$status" -eq 0 ] && python3 -c 'import yaml, sys; d = list(yaml.safe_load_all(open(sys.argv[1]))); sys.exit(not eval(sys.argv[2]))' "$root/out" "$1"
}
skip() {
	count=$((count + 1))
	echo "ok $count - $1 # SKIP $2"
}
has_yaml=0
"$ctl" --help | grep -q 'of recommend: yaml, json, table, patch or vpa$' && has_yaml=1
if [ "$has_yaml" -eq 0 ]; then is_yaml() { skip "$1" 'built without YAML'; }
elif ! python3 -c 'import yaml' 2>/dev/null; then is_yaml() { skip "$1" 'no python3-yaml'; }
else is_yaml() { is "$@"; }; fi

run recommend -n fn api -o json
is_json "recommend has a document an owner, with all its containers" json \
	'[(w["namespace"], w["kind"], w["name"], [c["name"] for c in w["containers"]]) for w in d] == [("fn", "Deployment", "api", ["logs", "server"])]'
is_json "a request is told from oom_score_adj, and marked so" json \
	'd[0]["containers"][1]["current"] == {"request": 536870912, "limit": 536870912, "request_inferred": True} and "request" not in d[0]["containers"][0]["current"]'
is_json "what is recommended comes with its reason" json \
	'd[0]["containers"][0]["recommended"] == {"request": 234881024, "limit": 352321536} and d[0]["containers"][0]["rationale"] == "request: p95 180Mi with 20 % headroom, to the next 16Mi; limit: 1.5 × request"'
run -o json recommend shop/db/postgres
is_json "what has to wait says why" json '"not_yet" in d[0]["containers"][0] and d[0]["kind"] == "unknown"'
run -o json recommend box
is_json "what was never measured says so" json \
	'd == [{"namespace": "-", "name": "box", "containers": [{"name": "box", "current": {"limit": 536870912, "applied": 375824384}, "not_yet": "nothing has been measured yet"}]}]'
run -o json recommend 01234
is_json "a container's id names its workload" json '[w["name"] for w in d] == ["web"]'
run recommend -o table --namespace=fn
is "as a table it has a line a container" test "$(grep -c '^fn/.*1.5 × request$' "$root/out")" -eq 4
run recommend
is_yaml "YAML is the default" yaml 'len(d) == 7 and [w for w in d if w["namespace"] == "fn"][0]["containers"][0]["recommended"] == {"request": "224Mi", "limit": "336Mi"}'
run recommend -n fn -o patch
is_yaml "a patch is a document an object" yaml '[(w["apiVersion"], w["kind"], w["metadata"]) for w in d] == [("apps/v1", "Deployment", {"name": "api", "namespace": "fn"}), ("batch/v1", "CronJob", {"name": "nightly", "namespace": "fn"})]'
is_yaml "with each container's memory and no more" yaml \
	'd[0]["spec"] == {"template": {"spec": {"containers": [{"name": n, "resources": {"requests": {"memory": "224Mi"}, "limits": {"memory": "336Mi"}}} for n in ("logs", "server")]}}}'
is_yaml "what cannot be patched is told on stderr" grep -qx 'tidemarkctl: fn/lone/lone (Pod): left out: a pod on its own has no template' "$root/err"
run recommend -n fn lone -o patch
is_yaml "a patch of nothing is an error" test "$status" -eq 1 -a ! -s "$root/out"
run recommend -n fn -o vpa
is_yaml "a VerticalPodAutoscaler changes nothing by itself" yaml \
	'[w["spec"]["updatePolicy"]["updateMode"] for w in d] == ["Off", "Off"] and d[0]["spec"]["resourcePolicy"]["containerPolicies"][1]["minAllowed"] == {"memory": "224Mi"}'

# ---- Wrong use ----

run explain nobody
is "an unknown name is an error" bad 'no container, pod or workload nobody is known'
run -o json explain nobody
is "also in JSON" bad nobody
run explain
is "explain needs an argument" bad 'explain takes one argument'
run explain ''
is "the empty name is no name" bad 'explain takes one argument'
run explain web db
is "explain takes one argument only" bad 'explain takes one argument'
run status web
is "status takes no argument" bad 'status takes no argument'
run -o yaml status
is "a format that a command does not have is an error" bad 'output of status is table or json'
run -o json settings
is "also of a command that has one only" bad 'settings has one form only'
run recommend -o xml
is "so is one that none has" bad 'output of recommend is .*json'
run -n shop status
is "a command that does not go by namespace says so" bad 'status does not take --namespace'
run recommend web db
is "recommend takes one argument at most" bad 'recommend takes one argument at most'
run recommend ''
is "and no empty one" bad 'recommend takes one argument at most'
run recommend nobody
is "a name that matches nothing is an error" bad 'no container, pod or workload nobody is known'
run -n nowhere recommend
is "so is a namespace that has nothing" bad 'known in namespace nowhere'
run --frobnicate status
is "an unknown option is an error" test "$status" -eq 1 -a ! -s "$root/out" -a -s "$root/err"
is "that names the program and the option" grep -q 'tidemarkctl.*frobnicate' "$root/err"
run frobnicate
is "an unknown command is an error" bad 'no command frobnicate'
run
is "no command shows the help on stderr" test "$status" -eq 1 -a ! -s "$root/out"
is "and how it is used" grep -q '^usage: ' "$root/err"
run --help
is "help goes to stdout" said 'usage: tidemarkctl'
run --version
is "the version goes to stdout" said 'tidemarkctl '

# ---- Output that cannot be written ----

for command in status 'explain web' '-o json status' '-o json explain web' 'recommend' '-o json recommend' settings --help --version; do
	# shellcheck disable=SC2086
	"$ctl" $command >/dev/full 2>"$root/err"
	status=$?
	: >"$root/out"
	is "a full disk is told: $command" bad 'cannot write'
done
"$ctl" status >&- 2>"$root/err"
status=$?
is "a closed stdout is told" bad 'cannot write'

# ---- Names that would do harm ----

esc='\u001b[2J\u001b]0;x\u0007'
record hostile1 - "$esc" 'quo\"te\\' 'p\u009b31m\nod\t' '"decision":{"mode":"enforce","source":"declared","reason":"declared","fault":"no \u001b[31m\u007f\u0085"},'
record unicode1 - 'wässerchen' '海' 'Ω' "$decision"
long=$(printf '%0255d' 0 | sed 's/0/\\u0001/g')
record longest1 "$long" "$long" "$long" "$long" "\"decision\":{\"mode\":\"enforce\",\"source\":\"declared\",\"reason\":\"declared\",\"fault\":\"$(printf '%0239d' 0 | sed 's/0/\\u0001/g')\"},"
run status
is "control characters do not reach the terminal" calm "$root/out"
is "other letters do" said 'wässerchen/海'
run explain hostile1
is "nor from explain" calm "$root/out"
is "which still shows the container" said 'container hostile1 of pod p'
run explain "$(printf 'no\033[2J')"
is "nor from what was asked for" calm "$root/err"
run -o json status
is_json "in JSON they stay what they are" json \
	'any(w["workload"] == "-/\x1b[2J\x1b]0;x\x07/quo\"te\\" for w in d["workloads"]) and any(w["workload"] == "\x01" * 255 + "/" + "\x01" * 255 + "/" + "\x01" * 255 for w in d["workloads"])'
run -o json explain hostile1
is_json "also in explain" json 'd[0]["containers"][0]["pod"] == "p\x9b31m\nod\t" and "\x1b[31m\x7f\x85" in d[0]["containers"][0]["numbers"][0]["why"]'
run -o json recommend hostile1
is_json "also in recommend" json 'd[0]["name"] == "\x1b[2J\x1b]0;x\x07" and d[0]["containers"][0]["name"] == "quo\"te\\"'
run -o table recommend hostile1
is "whose table is calm" calm "$root/out"
record hostile2 'no' '1e3' 'a: b\n---\nkind: \"Secret\"\u001b\u009b' 'p' "$decision"
run recommend hostile2
is_yaml "in YAML, too, they are what they are" yaml '[(w["namespace"], w["name"], w["containers"][0]["name"]) for w in d] == [("no", "1e3", "a: b\n---\nkind: \"Secret\"\x1b\x9b")]'
is_yaml "and are calm" calm "$root/out"
rm "$root/run/tidemark/containers/hostile2.json"
run -o json explain longest1
is_json "the longest names fit" json 'd[0]["containers"][0]["pod"] == "\x01" * 255'

# ---- Files that are not what they should be ----

printf '{' >"$root/run/tidemark/containers/torn.json"
printf '{"v":2}' >"$root/var/lib/tidemark/limits/shop/web/newer.json"
run status
is "a torn record is told on stderr" grep -q '^tidemarkctl: .*torn' "$root/err"
is "so is a newer file" grep -q '^tidemarkctl: .*newer' "$root/err"
is "and the rest is shown" test "$status" -eq 0 -a "$(grep -c '^shop/web/nginx ' "$root/out")" -eq 1
printf '[node]\nmode = sometimes\n' >"$root/etc/tidemark/tidemark.conf"
run status
is "a wrong setting is told with its file and line" grep -q '^tidemarkctl: .*tidemark.conf.*2' "$root/err"
is "and the defaults are shown" grep -q '^mode observe,' "$root/out"

# ---- Not root ----

if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	chmod 711 "$root" && chmod 700 "$root/run/tidemark"
	cp "$ctl" "$root/ctl" && chmod 755 "$root/ctl" "$root/run"
	setpriv --reuid=65534 --clear-groups "$root/ctl" status >"$root/out" 2>"$root/err"
	status=$?
	is "who may not read is told so" bad 'only root may read'
fi
echo "1..$count"
exit $failed
