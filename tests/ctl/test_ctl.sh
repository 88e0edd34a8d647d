#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_ctl.sh TIDEMARKCTL: runs it over a tree of files. Prints TAP. A check starts no program: with sanitizers, on a busy
# machine, each start takes a second.
set -u
ctl=$1
count=0 failed=0
root=$(mktemp -d) || exit
trap 'rm -rf "$root"' EXIT
export TIDEMARK_ROOT="$root"

is() { # is NAME COMMAND...: ok if the command succeeds.
	count=$((count + 1))
	if "${@:2}"; then
		echo "ok $count - $1"
	else
		failed=1
		echo "not ok $count - $1"
		printf 'status %s\n' "$status" | cat - "$root/out" "$root/err" | cat -v | sed 's/^/# /'
	fi
}
skip() {
	count=$((count + 1))
	echo "ok $count - $1 # SKIP $2"
}

run() { # Leaves $status, $root/out and $root/err, and their text in $out and $err.
	"$ctl" "$@" >"$root/out" 2>"$root/err"
	status=$?
	look
}
look() {
	out='' err='' has_nul=0
	while IFS= read -r -d '' text; do has_nul=1 out+=$text; done <"$root/out"
	out+=$text
	while IFS= read -r -d '' text; do has_nul=1 err+=$text; done <"$root/err"
	err+=$text
}

# lines_like REGEX TEXT: counts them in $n.
lines_like() {
	local line
	n=0
	while IFS= read -r line || [ -n "$line" ]; do
		[[ ! $line =~ $1 ]] || n=$((n + 1))
	done <<<"${2%$'\n'}"
}
shows() { lines_like "$1" "$out" && [ "$n" -gt 0 ]; }
complains() { lines_like "$1" "$err" && [ "$n" -gt 0 ]; }
shows_times() { lines_like "$2" "$out" && [ "$n" -eq "$1" ]; } # shows_times COUNT REGEX

shown_once() { [ "$status" -eq 0 ] && shows_times 1 "$1"; }

good() { [ "$status" -eq 0 ] && [ -z "$err" ]; }
bad() { [ "$status" -eq 1 ] && [ -z "$out" ] && complains "^tidemarkctl: .*$1"; }
said() { good && [[ $out == *"$1"* ]]; }
told() { [ "$status" -eq 0 ] && shows "$1"; }
# calm TEXT: no byte that a terminal would take for a command.
calm() {
	local LC_ALL=C
	[ "$has_nul" -eq 0 ] && [[ ! ${1//$'\n'/} =~ [[:cntrl:]] && $1 != *$'\302\233'* ]]
}

# One Python for all of them. It is asked by lines "KIND EXPRESSION" whether that holds of the document d, or of the
# documents d in YAML, that lie on stdout.
python=''
if command -v python3 >/dev/null && python3 -c '' 2>/dev/null; then
	coproc PYTHON {
		exec python3 -u -c '
import json, sys
try:
    import yaml
except ImportError:
    yaml = None
print("yaml" if yaml else "json")
for line in sys.stdin:
    kind, expression = line.rstrip("\n").split(" ", 1)
    try:
        with open(sys.argv[1], encoding="utf-8") as file:
            d = json.load(file) if kind == "json" else list(yaml.safe_load_all(file))
        print("yes" if eval(expression) else "no")
    except Exception as error:
        print(repr(error).replace("\n", " "))' "$root/out" 2>/dev/null
	}
	read -r python <&"${PYTHON[0]}"
fi
holds() {
	local answer=''
	printf '%s %s\n' "$1" "$2" >&"${PYTHON[1]}" && read -r answer <&"${PYTHON[0]}"
	[ "$answer" = yes ] || { echo "# $answer" && false; }
}
json() { good && holds json "$1"; }
json_told() { [ "$status" -eq 0 ] && holds json "$1"; }
yaml() { [ "$status" -eq 0 ] && holds yaml "$1"; }
is_json() { if [ -n "$python" ]; then is "$@"; else skip "$1" 'no python3'; fi; }

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
is "a daemon that does not run is told" shows 'daemon NOT RUNNING'
run -o json status
is_json "an empty node is valid JSON" json 'd["v"] == 1 and d["workloads"] == [] and d["daemon"] is False'
run explain web
is "what is not known is told on stderr" bad 'no container, pod or workload web is known'
run history web
is "nothing is told of a history that is not there" test "$status" -eq 1 -a ! -s "$root/out"
is "and it is said why" complains '^tidemarkctl history: (there is no history yet|this tidemarkctl was built without)'

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
	shows '^shop/web/nginx +0 +512Mi +358Mi +- +102Mi +103Mi +192Mi  stepping down$'
is "status shows a workload of which nothing is published" \
	shows '^-/box/box +0 +512Mi +358Mi +- +- +- +-  measuring$'
run -o json status
is_json "status in JSON has the same" json \
	'[w["state"] for w in d["workloads"]] == ["measuring", "warming up", "stepping down"] and d["workloads"][2]["recommended_limit"] == 201326592 and d["workloads"][2]["p95"] == 106954752 and d["workloads"][1]["oom_kills"] == 2'
run status -o json
is_json "options may follow the command" json 'len(d["workloads"]) == 3'

run explain shop/web/nginx
is "explain tells where the limit came from" said "the request, 128Mi, × 1.5, up to the next 16Mi"
is "explain tells where the request came from" said "the 95th percentile, 102Mi, × 1.2, up to the next 16Mi"
is "explain tells which guard moved a container's limit" said "at most 30 % away from the limit applied before"
is "explain shows all containers of a workload" shows_times 2 '^  container '
printf '[namespace "shop"]\nmode = observe\nmax_change = 50 %%\n' >>"$root/etc/tidemark/tidemark.conf"
run explain shop/web/nginx
is "explain goes by the settings of the namespace" said "at most 50 % away from the limit applied before"
run status
is "and so does status" shows '^shop/web/nginx .* recommended$'
printf '[node]\nmode = enforce\n' >"$root/etc/tidemark/tidemark.conf"
run explain db
is "a workload is found by its owner" said shop/db/postgres
is "explain tells of OOM kills" said "OOM kills so far: 2; the last at this limit"
run explain nginx
is "a workload is found by its container's name" said shop/web/nginx
run explain 01234
is "a container is found by the beginning of its id" said 'container 0123456789ab of pod web-5d4f8c7b6d-x2x4z, crun, not running'
is "of its workload's containers it alone is shown" shows_times 1 '^  container '
run explain 012
is "three characters of an id are too few" bad 'no container, pod or workload 012 is known'
run explain web-5d4f8c7b6d-bbbbb
is "a container is found by its pod" said 'container 012999999999'
run explain -/box/box
is "a workload outside Kubernetes is no option" said -/box/box
is "a name that a person chose is not cut" shows '^  container a-name-that-somebody-chose, crun'
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
is "explain tells what protects a container" shows '^  memory.low +100Mi  reclaimed only when .*the request, 100Mi$'
is "also what slows it down" shows '^  memory.high +154Mi  above it '
is "and nothing of what does not" shows_times 0 memory.min
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

has_yaml=0
run --help
shows 'of recommend: yaml, json, table, patch or vpa$' && has_yaml=1
if [ "$has_yaml" -eq 0 ]; then is_yaml() { skip "$1" 'built without YAML'; }
elif [ "$python" != yaml ]; then is_yaml() { skip "$1" 'no python3-yaml'; }
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
is "as a table it has a line a container" shows_times 4 '^fn/.*1.5 × request$'
run recommend
is_yaml "YAML is the default" yaml 'len(d) == 7 and [w for w in d if w["namespace"] == "fn"][0]["containers"][0]["recommended"] == {"request": "224Mi", "limit": "336Mi"}'
run recommend -n fn -o patch
is_yaml "a patch is a document an object" yaml '[(w["apiVersion"], w["kind"], w["metadata"]) for w in d] == [("apps/v1", "Deployment", {"name": "api", "namespace": "fn"}), ("batch/v1", "CronJob", {"name": "nightly", "namespace": "fn"})]'
is_yaml "with each container's memory and no more" yaml \
	'd[0]["spec"] == {"template": {"spec": {"containers": [{"name": n, "resources": {"requests": {"memory": "224Mi"}, "limits": {"memory": "336Mi"}}} for n in ("logs", "server")]}}}'
is_yaml "what cannot be patched is told on stderr" complains '^tidemarkctl: fn/lone/lone \(Pod\): left out: a pod on its own has no template$'
run recommend -n fn lone -o patch
is_yaml "a patch of nothing is an error" test "$status" -eq 1 -a ! -s "$root/out"
run recommend -n fn -o vpa
is_yaml "a VerticalPodAutoscaler changes nothing by itself" yaml \
	'[w["spec"]["updatePolicy"]["updateMode"] for w in d] == ["Off", "Off"] and d[0]["spec"]["resourcePolicy"]["containerPolicies"][1]["minAllowed"] == {"memory": "224Mi"}'

# ---- What VMs cost ----

run overhead
is "what was never measured is told, and what to do" bad 'nothing has been measured: tidemarkd does not run; .systemctl start tidemarkd. starts it'
MI=1048576
# vm ID POD [MEMBERS]
vm() { printf '{"id":"%s","handler":"kata-qemu","namespace":"shop","pod":"%s","vm":true%s}' "$1" "$2" "${3:-}"; }
# overhead USEC SANDBOXES
overhead() {
	printf '{"v":1,"usec":%s,"interval_usec":10000000,"node":{"pods":3,"containers":3,"machines":2,"answered":1,"overhead":%d,"overhead_declared":%d},"handlers":[{"handler":"kata-qemu","vm":true,"pods":2,"containers":2,"declared":%d,"working_set":%d,"slack":%d,"prestart":%d,"conmon":0,"conmon_bytes":0,"overhead_declared":%d,"recommended":%d,"machines":2,"answered":1,"overhead":%d},{"handler":"crun","vm":false,"pods":1,"containers":1,"declared":%d,"conmon":1,"conmon_bytes":%d,"overhead_declared":0}],"sandboxes":[%s]}\n' \
		"$1" $((400 * MI)) $((320 * MI)) $((1024 * MI)) $((180 * MI)) $((844 * MI)) $((210 * MI)) $((320 * MI)) $((410 * MI)) $((400 * MI)) $((512 * MI)) $((700 * 1024)) "$2" \
		>"$root/run/tidemark/overhead.json"
}
shared=",\"overhead_declared\":$((160 * MI)),\"charge\":$((580 * MI)),\"ram\":$((412 * MI)),\"ram_shared\":true,\"vmm_anon\":$((18 * MI)),\"vmm_file\":$((24 * MI)),\"virtiofsd\":$((12 * MI)),\"shim\":$((38 * MI)),\"kernel\":$((16 * MI)),\"guest_used\":$((180 * MI)),\"overhead\":$((400 * MI)),\"unused\":$((232 * MI)),\"fixed\":$((340 * MI)),\"prestart\":$((210 * MI)),\"vmm_pid\":4194305,\"containers\":[{\"id\":\"kata0001\",\"name\":\"nginx\",\"usage\":$((180 * MI)),\"working_set\":$((120 * MI)),\"limit\":$((512 * MI))}]"
hung=",\"charge\":$((900 * MI)),\"ram_shared\":false,\"vmm_anon\":$((800 * MI)),\"vmm_file\":$((22 * MI)),\"shim\":$((38 * MI)),\"kernel\":$((20 * MI)),\"fault\":\"the guest did not answer within 2s\",\"vmm_pid\":4194305,\"containers\":[{\"id\":\"kata0002\",\"name\":\"db\"}]"
overhead "${EPOCHSECONDS}000000" "$(vm bbbbbbbb db-0 "$hung"),$(vm aaaaaaaa web-1 "$shared")"

run overhead
is "a handler has a line with its sums" told '^kata-qemu +2 +2 +1Gi +180Mi +844Mi +210Mi +- +400Mi +320Mi +410Mi  OVERHEAD is without 1 of 2 VMs'
is "one without VMs has no overhead, but conmon" told '^crun +1 +1 +512Mi +- +- +- +700Ki \(1\) +- +- +-  $'
is "the node has one, too" told '^all +3 +3 .* 400Mi +320Mi '
is "a VM has its parts" told '^shop/web-1 +kata-qemu +580Mi +412Mi +180Mi +232Mi +42Mi +12Mi +38Mi +16Mi +60Mi +400Mi  needs 340Mi, and 160Mi is declared$'
is "and their shares below it" told '^ +100 % +71 % +31 % +40 % +7 % +2 % +7 % +3 % +10 % +69 %  $'
is "what is not known says why" told '^shop/db-0 +kata-qemu +900Mi +800Mi\* +- +- +22Mi +- +38Mi +20Mi +20Mi +-  the guest did not answer within 2s$'
is "all VMs have a sum" told '^all 2 VMs .* sums of what is known$'
is "what can be OOM-killed is told" told '^1 of 2 VMs of kata-qemu needs more overhead than is declared, '
is "a daemon that does not run is told" complains '^tidemarkctl: this was measured [0-9.]+s ago: tidemarkd does not run; .systemctl start'
run overhead web-1
is "a pod's parts are explained" told '^  guest RAM +412Mi +71 %  the guest.s memory, as far as it is resident'
is "with its containers" told '^  container nginx: 180Mi used in the guest, working set 120Mi, limit 512Mi$'
run overhead --smaps db-0
is "a VMM that is gone tells nothing apart, and is told" complains '^tidemarkctl: .*bbbbbbbb'
is "and the rest is shown" told '^  guest RAM +800Mi .* '
run overhead -n shop
is "a namespace has its VMs" told '^shop/web-1 '
is "and no handlers" shows_times 0 '^crun'
run -n nowhere overhead
is "one without any is an error" bad 'no pod runs in a VM here in namespace nowhere'
run overhead nobody
is "so is a pod that is not known" bad 'no pod nobody runs in a VM here'
run overhead --output json
is_json "overhead in JSON has the same" json_told \
	'[s["pod"] for s in d["sandboxes"]] == ["web-1", "db-0"] and d["sandboxes"][0]["rest"] == 60 << 20 and d["sandboxes"][0]["containers"][0]["limit"] == 512 << 20 and "overhead" not in d["sandboxes"][1] and d["daemon"] is False and d["handlers"][0]["handler"] == "crun" and d["node"]["overhead"] == 400 << 20'
overhead "$((EPOCHSECONDS - 7500))000000" ""
run overhead
is "old numbers say how old they are" complains '^tidemarkctl: this was measured 2h 5min ago'
is "a node without VMs says so" told '^No pod runs in a VM here.$'
overhead "${EPOCHSECONDS}000000" "$(vm 'a\u001b[2J\u009b' 'p\u001b]0;x\u0007' ',"overhead":-1,"fault":"no \u001b[31m\u0085"')"
run overhead
is "names that would do harm are calm" calm "$out"
run overhead "$(printf 'p\033]0;x\007')"
is "also in a pod's parts" calm "$out"
run overhead -o json
is_json "in JSON they are what they are" json_told 'd["sandboxes"][0]["pod"] == "p\x1b]0;x\x07" and d["sandboxes"][0]["overhead"] == -1'
printf '{"v":2}' >"$root/run/tidemark/overhead.json"
run overhead
is "a newer file is refused" bad 'newer than this program knows'
printf '{"v":1,"sandboxes":[{"id"' >"$root/run/tidemark/overhead.json"
run overhead
is "so is a torn one" bad 'overhead.json: not JSON, or cut off'

overhead "${EPOCHSECONDS}000000" "$(vm aaaaaaaa web-1 "$shared")"
record kata0001 shop kweb nginx web-1 '"vm":true,"image_ref":"072b32bd884c286e",'
sed -i 's/"name":"web-1"/"name":"web-1","sandbox_id":"aaaaaaaa"/; s/"runtime":"crun"/"runtime":"kata-qemu"/' "$root/run/tidemark/containers/kata0001.json"
run status
is "a container in a VM is shown as it was read last" shows '^shop/kweb/nginx +1 +- +512Mi +120Mi '
run explain kata0001
is "also by explain" said 'working set in its VM, as the guest told it last'
run top -n 1
is "and by top" said ' nginx '
run overhead --compare kweb
is "one runtime is shown alone" told '^cost of a pod +580Mi  '
is "and it is told what to do" told '^To compare, the image has to run under a VM handler and under crun or runc'
run overhead --compare sha256:072b
is "an image is found by its id" told '^image 072b32bd884c286e$'
run overhead --compare 073b
is "or is not known" bad 'no workload, container or image 073b is known here'
run overhead --compare 072b -o json
is_json "the comparison is in JSON, too" json_told 'd["image"] == "072b32bd884c286e" and d["runtimes"] == [{"runtime": "kata-qemu", "vm": True, "pods": 1, "containers": 1, "limit": 512 << 20, "working_set": 120 << 20, "prestart": 210 << 20, "cost": 580 << 20, "overhead": 400 << 20, "overhead_declared": 160 << 20}]'
run overhead --compare box
is "an image that nobody names is told" bad 'which image box runs is not known: podman and ctr do not say it'
record kata0002 shop kweb logs web-1 '"image_ref":"ffffffff884c286e",'
run overhead --compare kweb
is "of several images one has to be named" complains '^  ffffffff884c286e  shop/kweb/logs$'
rm "$root/run/tidemark/containers/kata0001.json" "$root/run/tidemark/containers/kata0002.json"
run overhead --compare kweb web-1
is "a comparison takes no pod" bad 'compare is of the whole node'
run overhead --pods 0
is "no pods are too few" bad 'pods is a whole number above 0'
run overhead a b
is "overhead takes one argument at most" bad 'overhead takes one argument at most'

# handler NAME DECLARED OVERHEAD...
handler() {
	mkdir -p "$root/var/lib/tidemark/handlers"
	name=$1 pods='' n=0
	declared=$2
	shift 2
	for bytes in "$@"; do
		n=$((n + 1))
		pods="$pods${pods:+,}{\"id\":\"s$n\",\"usec\":$n,\"overhead\":$((bytes * MI))}"
	done
	printf '{"v":1,"handler":"%s","written_usec":1,"declared":%s,"pods":[%s]}\n' "$name" $((declared * MI)) "$pods" \
		>"$root/var/lib/tidemark/handlers/$name.json"
}
class() { is_yaml "$@"; }
run overhead -o runtimeclass
class "RuntimeClasses of what was not measured are an error" bad 'no VM has been measured on this node yet'
handler kata-qemu 160 300 310 339
handler kata-clh 600 120 125 131
handler kata-fc 160 130 131
run overhead -o runtimeclass
class "a RuntimeClass declares what pods needed" yaml '[(c["apiVersion"], c["kind"], c["metadata"]["name"], c["handler"], c["overhead"]) for c in d] == [("node.k8s.io/v1", "RuntimeClass", n, n, {"podFixed": {"memory": m}}) for n, m in (("kata-clh", "140Mi"), ("kata-qemu", "340Mi"))]'
class "it says what was measured" shows '^# 3 pods of kata-qemu measured on this node: 95 % of them needed 339Mi or less, all 339Mi.$'
class "and what is declared too little" shows '^# declared is 160Mi, too little for 3 of them, which can be OOM-killed.$'
class "or too much" shows '^# declared is 600Mi, of which 469Mi a pod were never needed.$'
class "a handler with few pods is left out" complains '^tidemarkctl: kata-fc: left out: 2 pods were measured so far, and --pods asks for 3$'
run overhead -o runtimeclass --pods 2 kata-fc
class "unless that is enough" yaml '[c["overhead"]["podFixed"]["memory"] for c in d] == ["140Mi"]'
run overhead -o runtimeclass kata-qemu --name tidemark-kata
class "a handler may go by another name" yaml '[(c["metadata"]["name"], c["handler"]) for c in d] == [("tidemark-kata", "tidemark-kata")]'
run overhead -o runtimeclass --name tidemark-kata
class "if it is one alone" bad 'name is of one handler'
run overhead -o runtimeclass kata-qemu --name 'a: b'
class "and if it can be one" bad 'can be no handler.s name in Kubernetes'
run overhead -o runtimeclass kata-fc
class "nothing to declare is an error" bad 'kata-fc: left out'
run overhead -o runtimeclass kata-x
class "so is a handler that is not known" bad 'no VM of handler kata-x has been measured'
run overhead -o runtimeclass -n shop
class "a RuntimeClass has no namespace" bad 'runtimeclass takes no --namespace'
printf '{"v":1,"handler":"x' >"$root/var/lib/tidemark/handlers/kata-torn.json"
run overhead -o runtimeclass kata-torn
class "a torn file of a handler is told" bad 'kata-torn'
rm -r "$root/var/lib/tidemark/handlers"

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
is "that names the program and the option" complains 'tidemarkctl.*frobnicate'
run frobnicate
is "an unknown command is an error" bad 'no command frobnicate'
run
is "no command shows the help on stderr" test "$status" -eq 1 -a ! -s "$root/out"
is "and how it is used" complains '^usage: '
run --help
is "help goes to stdout" said 'usage: tidemarkctl'
run --version
is "the version goes to stdout" said 'tidemarkctl '

# ---- Output that cannot be written ----

for command in status 'explain web' '-o json status' '-o json explain web' 'recommend' '-o json recommend' overhead 'overhead -o json' settings --help --version; do
	# shellcheck disable=SC2086
	"$ctl" $command >/dev/full 2>"$root/err"
	status=$?
	: >"$root/out"
	look
	is "a full disk is told: $command" bad 'cannot write'
done
"$ctl" status >&- 2>"$root/err"
status=$?
look
is "a closed stdout is told" bad 'cannot write'

# ---- Names that would do harm ----

esc='\u001b[2J\u001b]0;x\u0007'
record hostile1 - "$esc" 'quo\"te\\' 'p\u009b31m\nod\t' '"decision":{"mode":"enforce","source":"declared","reason":"declared","fault":"no \u001b[31m\u007f\u0085"},'
record unicode1 - 'wässerchen' '海' 'Ω' "$decision"
long=$(printf '%0255d' 0 | sed 's/0/\\u0001/g')
record longest1 "$long" "$long" "$long" "$long" "\"decision\":{\"mode\":\"enforce\",\"source\":\"declared\",\"reason\":\"declared\",\"fault\":\"$(printf '%0239d' 0 | sed 's/0/\\u0001/g')\"},"
run status
is "control characters do not reach the terminal" calm "$out"
is "other letters do" said 'wässerchen/海'
run explain hostile1
is "nor from explain" calm "$out"
is "which still shows the container" said 'container hostile1 of pod p'
run explain "$(printf 'no\033[2J')"
is "nor from what was asked for" calm "$err"
run -o json status
is_json "in JSON they stay what they are" json \
	'any(w["workload"] == "-/\x1b[2J\x1b]0;x\x07/quo\"te\\" for w in d["workloads"]) and any(w["workload"] == "\x01" * 255 + "/" + "\x01" * 255 + "/" + "\x01" * 255 for w in d["workloads"])'
run -o json explain hostile1
is_json "also in explain" json 'd[0]["containers"][0]["pod"] == "p\x9b31m\nod\t" and "\x1b[31m\x7f\x85" in d[0]["containers"][0]["numbers"][0]["why"]'
run -o json recommend hostile1
is_json "also in recommend" json 'd[0]["name"] == "\x1b[2J\x1b]0;x\x07" and d[0]["containers"][0]["name"] == "quo\"te\\"'
run -o table recommend hostile1
is "whose table is calm" calm "$out"
record hostile2 'no' '1e3' 'a: b\n---\nkind: \"Secret\"\u001b\u009b' 'p' "$decision"
run recommend hostile2
is_yaml "in YAML, too, they are what they are" yaml '[(w["namespace"], w["name"], w["containers"][0]["name"]) for w in d] == [("no", "1e3", "a: b\n---\nkind: \"Secret\"\x1b\x9b")]'
is_yaml "and are calm" calm "$out"
rm "$root/run/tidemark/containers/hostile2.json"
run -o json explain longest1
is_json "the longest names fit" json 'd[0]["containers"][0]["pod"] == "\x01" * 255'

# ---- Files that are not what they should be ----

printf '{' >"$root/run/tidemark/containers/torn.json"
printf '{"v":2}' >"$root/var/lib/tidemark/limits/shop/web/newer.json"
run status
is "a torn record is told on stderr" complains '^tidemarkctl: .*torn'
is "so is a newer file" complains '^tidemarkctl: .*newer'
is "and the rest is shown" shown_once '^shop/web/nginx '
printf '[node]\nmode = sometimes\n' >"$root/etc/tidemark/tidemark.conf"
run status
is "a wrong setting is told with its file and line" complains '^tidemarkctl: .*tidemark.conf.*2'
is "and the defaults are shown" shows '^mode observe,'

# ---- Not root ----

if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	chmod 711 "$root" && chmod 700 "$root/run/tidemark"
	cp "$ctl" "$root/ctl" && chmod 755 "$root/ctl" "$root/run"
	setpriv --reuid=65534 --clear-groups "$root/ctl" status >"$root/out" 2>"$root/err"
	status=$?
	look
	is "who may not read is told so" bad 'only root may read'
fi
echo "1..$count"
exit $failed
