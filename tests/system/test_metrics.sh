#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# /metrics: by the unix socket, over loopback, in a file; read by promtool and by a real Prometheus; and by clients that
# mean harm.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

dropin=/run/systemd/system/tidemarkd.service.d
files=/run/tidemark-test-prom
port=9407
prometheus=''
work=$(mktemp -d)
leave() {
	[ -z "$prometheus" ] || kill "$prometheus"
	remove web killed
	rm -rf "$dropin" "$work" "$files"
	systemctl disable --quiet --now tidemarkd-http.socket
	systemctl daemon-reload
}
trap leave EXIT

daemon_property() { systemctl show --property "$1" --value tidemarkd.service; }
daemon_fault() { events fault --since "$since" --grep "$1" | grep -q .; }
by_socket() { curl --silent --max-time 60 --unix-socket /run/tidemark/http.sock "$@" http://localhost/metrics; }
by_tcp() { curl --silent --max-time 60 "$@" "http://127.0.0.1:$port/metrics"; }
# value METRIC: of the text on stdin; the metric with its labels, as a regular expression.
value() { sed -nE "s/^$1 //p" | head -1; }
promtool_likes() { [ -s "$1" ] && [ -z "$(promtool check metrics <"$1" 2>&1)" ]; }

settings_quick enforce '[report]' "http = 127.0.0.1:$port" "textfile = $files/tidemark.prom" 'node_interval = 1s'
listeners() { ss -Hltn "sport = :$port" | awk '{ print $4 }'; }
create web --memory 512m "$IMAGE" sh -c "$(holds 60)"

# ---- The unix socket ----

since=$(now)
daemon_start || exit
check "the service cannot listen on loopback itself, and says so" wait_for 30 daemon_fault 'not served on loopback'
is "$(listeners)" '' "so nothing does"
comment "$(events fault --since "$since" | jq -r .MESSAGE)"
is "$(stat -c '%F %a %U' /run/tidemark/http.sock)" 'socket 600 root' "the socket is root's alone"
has_web() { by_socket | grep -q '^tidemark_container_memory_working_set_bytes{.*container="web"'; }
check "the container is there" wait_for 60 has_web
by_socket >"$work/text"
check "promtool check metrics is content" promtool_likes "$work/text"
comment "$(promtool check metrics <"$work/text" 2>&1)" "$(wc -lc <"$work/text") lines and bytes"
like "$(by_socket --head)" '200 OK' "HEAD is answered"
like "$(curl --silent --include --unix-socket /run/tidemark/http.sock http://localhost/)" '404 Not Found' "there is nothing else"
like "$(by_socket --include --data x=y)" '405 Method Not Allowed' "nothing can be posted"
like "$(by_socket --include --header 'Accept: application/openmetrics-text;version=1.0.0')" \
	'application/openmetrics-text; version=1.0.0' "OpenMetrics is there for those who ask"
is "$(by_socket --header 'Accept: application/openmetrics-text' | tail -1)" '# EOF' "and ends as it should"
between $((40 * MIB)) "$(value 'tidemark_container_memory_working_set_bytes\{.*container="web".*\}' <"$work/text")" $((120 * MIB)) \
	"the working set is what the container uses"
is "$(value 'tidemark_container_memory_limit_bytes\{.*container="web".*kind="effective"\}' <"$work/text")" "$(memory_max web)" \
	"the effective limit is the cgroup's"

# ---- The file ----

is "$(ls "$files" 2>/dev/null)" '' "no file where the service may not write"
check "which is said" wait_for 30 daemon_fault 'not in their file'
mkdir -m 755 "$files"
install -d "$dropin"
sed "s|^ReadWritePaths=.*|ReadWritePaths=$files|" /usr/share/tidemark/systemd/textfile.conf >"$dropin/textfile.conf"
systemctl daemon-reload
settings_quick enforce '[report]' "textfile = $files/tidemark.prom" 'node_interval = 1s'
since=$(now)
daemon_start || exit
check "with its drop-in the file is written" wait_for 30 test -s "$files/tidemark.prom"
check "promtool is content with it" promtool_likes "$files/tidemark.prom"
is "$(stat -c %a "$files/tidemark.prom") $(grep -c '^process_' "$files/tidemark.prom")" '644 0' \
	"all may read it, and it says nothing that node_exporter says itself"

# ---- Loopback ----

systemctl enable --quiet tidemarkd-http.socket
daemon_start || exit
comment "$(systemd-analyze security --no-pager tidemarkd.service 2>/dev/null | tail -1)"
check "metrics are served on loopback" wait_for 30 by_tcp --fail
is "$(listeners)" "127.0.0.1:$port" "and nowhere else"
systemctl stop tidemarkd 2>/dev/null
is "$(listeners)" '' "not when the daemon was stopped, which a scrape must not start"
systemctl start tidemarkd
check "and again when it is started" wait_for 30 by_tcp --fail
is "$(events fault --since "$since" | jq -r .MESSAGE)" '' "it has found no fault"

# ---- Prometheus ----

cat >"$work/prometheus.yml" <<END
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs: [{job_name: tidemark, static_configs: [{targets: ['127.0.0.1:$port']}]}]
END
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" --web.listen-address=127.0.0.1:9090 \
	--log.level=warn >"$work/prometheus.log" 2>&1 &
prometheus=$!
# ask QUERY: the first value, or nothing.
ask() {
	curl --silent --max-time 60 --get http://127.0.0.1:9090/api/v1/query --data-urlencode "query=$1" |
		jq -r '.data.result[0].value[1] // empty'
}
answers() { [ "$(ask "$1")" = "$2" ]; }
check "Prometheus scrapes it" wait_for 120 answers 'up{job="tidemark"}' 1
comment "$(promtool --version 2>&1 | head -1)"
is "$(curl --silent http://127.0.0.1:9090/api/v1/targets | jq -r '.data.activeTargets[] | .health + .lastError')" up \
	"without an error"
create killed --memory 32m "$IMAGE" dd if=/dev/zero of=/dev/null bs=100M count=1
check "it learns of a kill, with its cause" wait_for 60 answers 'tidemark_oom_kills_total{cause="own"}' 1
check "and of the exit peak of what was killed" wait_for 60 answers \
	'tidemark_container_memory_exit_peak_bytes{container="killed"} >= bool 30e6' 1
check "and of the container's limits" answers \
	'tidemark_container_memory_limit_bytes{container="web",kind="declared"}' $((512 * MIB))
check "it has what the dashboard asks for: the slack of each container" answers \
	'(tidemark_container_memory_limit_bytes{container="web",kind="effective"} - ignoring(kind) tidemark_container_memory_working_set_bytes) > bool 0' 1
check "and decisions by source" answers 'sum(tidemark_decisions_total{source="declared"}) >= bool 1' 1
check "and the daemon's own costs" answers 'process_resident_memory_bytes{job="tidemark"} > bool 1e6' 1
is "$(curl --silent http://127.0.0.1:9090/api/v1/metadata?metric=tidemark_container_memory_working_set_bytes |
	jq -r '.data[][] | .type + " " + .unit')" 'gauge bytes' "with type and unit, as OpenMetrics tells them"

# ---- Clients that mean harm ----

cat >"$work/hostile.py" <<'END'
import random, selectors, socket, sys, time
address, until = ("127.0.0.1", int(sys.argv[1])), time.monotonic() + float(sys.argv[2])
counts = dict.fromkeys(["opened", "flooded", "cut off"], 0)
class Client:
    def __init__(self):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex(address)
        self.kind = random.choice(["slow", "deaf", "huge"])
        self.sent = 0
        counts["opened"] += 1
    def act(self):
        try:
            if self.kind == "slow":
                self.socket.send(b"GET /metrics HTTP/1.1\r\nX: " if self.sent == 0 else b"x")
            elif self.kind == "deaf" and self.sent == 0:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                self.socket.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            elif self.kind == "huge":
                self.socket.send(b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 65536)
            self.sent += 1
            return True
        except BlockingIOError:
            return True
        except OSError:
            counts["cut off"] += self.sent > 0
            self.socket.close()
            return False
clients = [Client() for _ in range(1000)]
while time.monotonic() < until:
    for i, client in enumerate(clients):
        if not client.act():
            clients[i] = Client()
    for _ in range(20):
        with socket.socket() as one:
            one.setblocking(False)
            one.connect_ex(address)
            try:
                one.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                counts["flooded"] += 1
            except OSError:
                pass
    time.sleep(0.2)
print(counts)
END

pid=$(daemon_property MainPID)
# measure: for 20 s; ticks a second × 100 in $rate, those that began half a second late in $late, the rest in $said.
measure() {
	local before after start
	before=$(by_socket) start=$(date +%s%N)
	sleep 20
	after=$(by_socket)
	read -r rate late said < <(awk -v nsec=$(($(date +%s%N) - start)) '
		{ sub(/\{le="/, "_"); sub(/"\}/, "") }
		FNR == NR { before[$1] = $2; next }
		{ d[$1] = $2 - before[$1]; now[$1] = $2 }
		END {
			t = "tidemark_tick_duration_seconds_"; l = "tidemark_tick_delay_seconds_"
			printf "%d %d %d ticks, %.2f ms each, %.2f ms late each; %.1f %% of a core, %d KiB\n",
				d[t "count"] * 1e11 / nsec, d[l "count"] - d[l "bucket_0.5"], d[t "count"],
				d[t "sum"] * 1000 / d[t "count"], d[l "sum"] * 1000 / d[l "count"],
				d["process_cpu_seconds_total"] * 1e11 / nsec, now["process_resident_memory_bytes"] / 1024
		}' <(echo "$before") <(echo "$after"))
}
measure
alone=$rate
comment "alone: $said"
python3 "$work/hostile.py" "$port" 40 >"$work/hostile" 2>&1 &
hostile=$!
sleep 5
measure
comment "with hostile clients: $said"
check "a thousand clients that mean harm were there all the time" kill -0 "$hostile"
between $((alone * 7 / 10)) "$rate" $((alone * 13 / 10)) "and there were as many ticks a second as without them"
# Of some 100 ticks, in an emulator whose one processor the clients want, too.
between 0 "$late" 10 "nearly none of which was late"
check "the unix socket is served meanwhile" by_socket --fail --output /dev/null
between 0 "$(find "/proc/$pid/fd" -type l | wc -l)" 100 "no more file descriptors are open than there are places"
wait "$hostile"
comment "the clients: $(cat "$work/hostile")"
is "$(daemon_property MainPID)" "$pid" "the daemon has come through"
check "and Prometheus reads it again" wait_for 60 answers 'up{job="tidemark"}' 1
check "at all the times that there are" wait_for 60 answers 'sum_over_time(up{job="tidemark"}[5s]) >= bool 3' 1

# ---- Too many ----

since=$(now)
settings_quick enforce '[report]' 'metrics_containers_max = 0'
systemctl reload tidemarkd
left_out() { [ "$(by_socket | value 'tidemark_metrics_left_out\{level="container"\}')" -ge 1 ]; }
check "above the maximum it says how many containers are left out" wait_for 30 left_out
is "$(by_socket | grep -c 'container="web"')" 0 "and does not show them"
between 1 "$(by_socket | value tidemark_node_containers)" 10 "but their sums"
systemctl stop tidemarkd
is "$(ls /run/tidemark/http.sock 2>/dev/null)" '' "the socket goes with the daemon"

done_testing
