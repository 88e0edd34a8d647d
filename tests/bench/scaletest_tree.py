#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scaletest_tree.py TIDEMARKD N [DIR]: what N containers cost the daemon where there are no N cgroups to be had: over a
generated tree of plain files with the names of cgroup v2, on this machine and not in an emulated one. So these figures
are without the kernel's own work for a cgroup, and without a journal. Prints lines "scaletest tree.<N>.<name> <value> <unit>"; "late" is
told to a second, since /metrics is."""

import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

GROUPS = 60
EVENTS = "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n"
STAT = ("anon 65536\nfile 4096\nkernel 131072\nkernel_stack 16384\npagetables 40960\n" +
        "".join(f"of_no_interest_{i} 0\n" for i in range(25)) + "inactive_file 0\nactive_file 4096\n" +
        "".join(f"nor_this_{i} 0\n" for i in range(25)))
OF_CONTAINER = {"memory.current": "1400832\n", "memory.peak": "2000000\n", "memory.max": "134217728\n",
                "memory.stat": STAT, "memory.events": EVENTS, "memory.events.local": EVENTS, "cgroup.type": "domain\n",
                "cgroup.procs": "", "cgroup.events": "populated 1\nfrozen 0\n",
                "memory.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"}
OF_SCOPE = {"memory.max": "max\n", "memory.events.local": EVENTS, "cgroup.type": "domain\n"}


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


class Tree:
    def __init__(self, root, n):
        self.root, self.n = root, n
        for name in ("run/containers", "state", "cgroup/scaletest", "etc", "dev"):
            os.makedirs(f"{root}/{name}")
        write(f"{root}/cgroup/cgroup.controllers", "memory\n")
        for i in range(n):
            os.makedirs(self.directory(i))
            for name, text in OF_CONTAINER.items():
                write(f"{self.directory(i)}/{name}", text)
            for name, text in OF_SCOPE.items():
                write(f"{self.directory(i)}/../{name}", text)

    @staticmethod
    def id(i):
        return f"5ca1e{i:059d}"

    def directory(self, i):
        return f"{self.root}/cgroup/scaletest/crio-{self.id(i)}.scope/container"

    def put(self, generation):
        """A record for each, as if all were created now."""
        for i in range(self.n):
            now, owner = int(time.time() * 1e6), f"group{generation}-{i % GROUPS}"
            record = {"v": 1, "id": self.id(i), "namespace": "scaletest", "owner": owner, "container": "app",
                      "owner_kind": "Deployment", "pod": {"name": owner + "-5d4f8c7b6d-x2x4z"}, "runtime": "crun",
                      "declared": 134217728, "decision": {"mode": "observe", "source": "declared",
                                                          "limit": 134217728, "reason": "declared"},
                      "created_usec": now, "started_usec": now + 1, "pid": 0,
                      "cgroup": f"/scaletest/crio-{self.id(i)}.scope/container", "cgroup_id": 10 ** 9 + i,
                      "prestart": {"current": 65536, "peak": 327680, "anon": 4096, "kernel": 61440}}
            path = f"{self.root}/run/containers/.{self.id(i)}.tmp"
            write(path, json.dumps(record, separators=(",", ":")))
            os.rename(path, f"{self.root}/run/containers/{self.id(i)}.json")

    def cull(self):
        for i in range(self.n):
            write(f"{self.directory(i)}/cgroup.events", "populated 0\nfrozen 0\n")
            os.unlink(f"{self.root}/run/containers/{self.id(i)}.json")


class Daemon:
    def __init__(self, program, root):
        self.arguments = [program] + [word for name in ("etc", "run", "state", "cgroup", "dev")
                                      for word in (f"--{name}", f"{root}/{name}")]
        self.root, self.process = root, None
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notices.bind(root + "/notify")
        self.ready = threading.Event()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        """All that it says, or it would wait for us."""
        while True:
            if b"READY=1" in self.notices.recv(4096):
                self.ready.set()

    def start(self):
        begun = time.monotonic()
        self.process = subprocess.Popen(self.arguments, env={"NOTIFY_SOCKET": self.root + "/notify"})
        self.ready.wait()
        self.ready.clear()
        return time.monotonic() - begun

    def stop(self):
        begun = time.monotonic()
        self.process.terminate()
        self.process.wait()
        return time.monotonic() - begun

    def metrics(self):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.root + "/run/http.sock")
            client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            text = b"".join(iter(lambda: client.recv(1 << 20), b"")).decode()
        return {key: float(value) for key, value in re.findall(r"^(tidemark_(?:events|tick|node)\S*) (\S+)$", text, re.M)}

    def until(self, key, value):
        """The seconds that it took."""
        begun = time.monotonic()
        while self.metrics().get(key, 0) < value:
            time.sleep(0.2)
        return time.monotonic() - begun

    def cpu_ms(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def main():
    program, n = sys.argv[1], int(sys.argv[2])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    root = tempfile.mkdtemp(dir=sys.argv[3] if len(sys.argv) > 3 else "/dev/shm")

    def say(name, value, unit):
        print(f"scaletest tree.{n}.{name} {value:{'.0f' if value >= 100 else '.3g'}} {unit}", flush=True)

    daemon = None
    try:
        tree, daemon = Tree(root, n), Daemon(program, root)
        daemon.start()
        say("idle.rss", daemon.rss_kib(), "KiB")
        for phase, act, told in (("adoption", lambda: tree.put(1), 'tidemark_events_total{event="prestart"}'),
                                 ("new_group", lambda: tree.put(2), 'tidemark_events_total{event="exit"}')):
            cpu, begun = daemon.cpu_ms(), time.monotonic()
            act()
            written = time.monotonic() - begun
            say(phase + ".written", written, "s")
            say(phase + ".late", daemon.until(told, n), "s")
            say(phase + ".rate", n / (time.monotonic() - begun), "1/s")
            say(phase + ".cpu", (daemon.cpu_ms() - cpu) * 1000 / n, "us/container")
            time.sleep(12)
            before, cpu = daemon.metrics(), daemon.cpu_ms()
            time.sleep(10)
            cpu = daemon.cpu_ms() - cpu
            after = daemon.metrics()
            ticks = [after["tidemark_tick_duration_seconds_" + key] - before["tidemark_tick_duration_seconds_" + key]
                     for key in ("sum", "count")]
            say(phase + ".tick", ticks[0] / ticks[1] * 1000, "ms")
            say(phase + ".steady_cpu", cpu / 100, "%")
            say(phase + ".rss", daemon.rss_kib(), "KiB")
            say(phase + ".descriptors", daemon.descriptors(), "")
        say("stop", daemon.stop(), "s")
        say("restart", daemon.start(), "s")
        say("restart.rss", daemon.rss_kib(), "KiB")
        daemon.stop()
        shutil.rmtree(root + "/state")
        os.mkdir(root + "/state")
        say("first_start", daemon.start(), "s")
        cpu = daemon.cpu_ms()
        tree.cull()
        say("removal.late", daemon.until('tidemark_events_total{event="exit"}', n), "s")
        say("removal.cpu", (daemon.cpu_ms() - cpu) * 1000 / n, "us/container")
        time.sleep(3)
        say("removal.rss", daemon.rss_kib(), "KiB")
        say("removal.descriptors", daemon.descriptors(), "")
        daemon.stop()
        say("fresh.start", daemon.start(), "s")
        daemon.metrics()
        time.sleep(3)
        say("fresh.rss", daemon.rss_kib(), "KiB")
    finally:
        if daemon and daemon.process:
            daemon.process.kill()
        shutil.rmtree(root)


main()
