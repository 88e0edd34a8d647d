#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scaletest_report.py DIR: of the runs that contrib/scaletest left in DIR/<n>-<run>, a report in Markdown with the
runs side by side, a graph for each, and the checks, which decide on the exit status."""

import os
import subprocess
import sys

POINTS = 70  # of a curve: a graph stays below 100 KB
MIB = 1024
# What a fresh daemon has not filled yet: SQLite's cache of pages, as history.c sets it, and the ring of recent exits.
KEPT_KIB = 512 + 192
# How a phase's change of all is named in the facts, when it was done.
WAVES = (("adoption", "written"), ("new group", "regrouped"), ("removal", "culled"))


def rows(path):
    try:
        with open(path, encoding="utf-8") as file:
            return [line.split() for line in file if line.strip()]
    except FileNotFoundError:
        return []


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * q))] if values else float("nan")


class Run:
    def __init__(self, path):
        self.name = os.path.basename(path)
        self.settings = dict(line[0].split("=", 1) for line in rows(path + "/run"))
        self.n = int(self.settings["N"])
        self.interval = float(self.settings["INTERVAL"])
        names = ("t", "followed", "written", "removed", "cpu_ms", "rss_kib", "fds", "db", "pid", "anon_kib")
        self.samples = [dict(zip(names, map(float, row))) for row in rows(path + "/samples") if len(row) == len(names)]
        self.creations = [tuple(map(float, row)) for row in rows(path + "/creations") if len(row) == 3]
        self.facts = {row[0]: " ".join(row[1:]) for row in rows(path + "/facts")}
        self.told = {event: sorted(float(row[0]) for row in rows(f"{path}/{event}")) for event in ("exit",)}
        self.phases = []
        marks = [(float(row[0]), " ".join(row[1:])) for row in rows(path + "/phases")]
        self.end = marks[-1][0]
        for (start, name), (end, _) in zip(marks, marks[1:]):
            self.phases.append((name, start, end))
        self.ticks = self.read_ticks(path + "/ticks")

    def read_ticks(self, path):
        """By phase: what of the durations' histogram was added in it, as {bound: ticks} and the sum of seconds."""
        totals = {}
        for row in rows(path):
            # "new group duration_bucket{le="0.1"} 7"
            key, value = row[-2], float(row[-1])
            if key.startswith("duration"):
                totals.setdefault(" ".join(row[:-2]), {})[key[len("duration"):]] = value
        marks, ticks = list(totals), {}
        for before, after in zip(marks, marks[1:]):
            old, new = totals[before], totals[after]
            if new.get("_seconds_count", 0) < old.get("_seconds_count", 0):
                old = {}  # a new daemon
            ticks[before] = {key: value - old.get(key, 0) for key, value in new.items()}
        return ticks

    def within(self, name):
        for phase, start, end in self.phases:
            if phase == name:
                return [s for s in self.samples if start <= s["t"] < end]
        return []

    def settled(self, name, key):
        """The median over the last third of the phase."""
        seen = [s[key] for s in self.within(name) if s["pid"] > 0]
        return quantile(seen[-max(1, len(seen) // 3):], 0.5)

    def tick(self, name):
        ticks = self.ticks.get(name, {})
        count = ticks.get("_seconds_count", 0)
        if not count:
            return "", "", "", ""
        bounds = sorted((float(key.split('"')[1].replace("+Inf", "inf")), value)
                        for key, value in ticks.items() if key.startswith("_seconds_bucket"))
        mean = ticks["_seconds_sum"] / count * 1000
        above = lambda part: next((bound * 1000 for bound, value in bounds if value >= part * count), float("inf"))
        return f"{mean:.1f}", f"≤ {above(0.5):g}", f"≤ {above(0.99):g}", f"≤ {above(1):g}"

    def cpu(self, name):
        used = elapsed = 0
        seen = self.within(name)
        for a, b in zip(seen, seen[1:]):
            if a["pid"] == b["pid"] and b["cpu_ms"] >= a["cpu_ms"]:
                used += b["cpu_ms"] - a["cpu_ms"]
                elapsed += b["t"] - a["t"]
        return used / elapsed / 10 if elapsed else float("nan")

    def phase_creations(self, name):
        return [(took, bare) for phase, start, end in self.phases if phase == name
                for at, took, bare in self.creations if start <= at < end]

    def start(self, name):
        return next((start for phase, start, _ in self.phases if phase == name), 0)

    def caught_up(self, event, since, until):
        seen = [t for t in self.told[event] if since <= t < until]
        return (seen[-1], len(seen)) if seen else (float("nan"), 0)

    def wave(self, name, fact):
        """How a change of all went: seconds to write it, seconds until the last was taken up after that, rate, how many.
        What comes is in the daemon's status; what changes its workload ends, for the daemon, and begins anew, so that
        as what is removed it is told by its end."""
        end = next((end for phase, _, end in self.phases if phase == name), 0)
        begin, written = self.start(name), float(self.facts.get(fact, "nan"))
        if name == "adoption":
            last, n = float(self.facts.get("adopted", "nan")), self.n
        else:
            last, n = self.caught_up("exit", begin, end)
        return written - begin, last - written, n / (last - begin) if n else 0, n

    def backlog(self):
        """Over time: what was done, and not yet taken up."""
        points = []
        change, restart, removal = (self.start(name) for name in ("new group", "restart", "removal"))
        for s in self.samples:
            told = sum(change <= t <= s["t"] for t in self.told["exit"])
            if s["t"] < change:
                waits = s["written"] - s["followed"]
            elif not self.told["exit"]:
                waits = float("nan")  # the run did not come to its end
            elif s["t"] < restart:
                waits = s["written"] - self.n - told
            elif s["t"] < removal:
                waits = 0
            else:
                waits = s["removed"] - (told - self.n)
            points.append((s["t"], waits if waits != waits else max(0, waits)))
        return points

    def checks(self):
        steady, restarted = self.settled("steady", "rss_kib"), self.settled("restart", "rss_kib")
        gone, day, fresh = (self.settled(name, "anon_kib") for name in ("removal", "day 2", "fresh start"))
        full, idle_fds, gone_fds = (self.settled(name, "fds") for name in ("steady", "idle", "removal"))
        yield (f"after a restart at most 10 % above steady: {restarted / MIB:.1f} against {steady / MIB:.1f} MiB",
               restarted <= 1.1 * steady)
        for name, fact in WAVES:
            _, late, _, count = self.wave(name, fact)
            yield (f"{name}: the backlog is gone {max(late, 0):.1f} s after the last, two ticks at most; {count:.0f} of "
                   f"{self.n} told", late <= 2 * self.interval and count >= self.n)
        yield (f"removal gives memory back: {day / MIB:.2f} MiB of RssAnon, then {gone / MIB:.2f}; a fresh daemon with this "
               f"history has {fresh / MIB:.2f}, and {KEPT_KIB / MIB:.2f} and a tenth of what was taken may stay",
               gone <= fresh + KEPT_KIB + 0.1 * (day - fresh) and gone < day)
        yield (f"removal leaves no descriptor open: {full:.0f}, then {gone_fds:.0f} (before all {idle_fds:.0f})",
               gone_fds <= idle_fds + 2)

    def thin(self, name, columns, points):
        step = -(-len(points) // POINTS) or 1
        with open(f"{name}", "w", encoding="utf-8") as file:
            for i in range(0, len(points), step):
                # The highest of those that one point stands for.
                part = points[i:i + step]
                file.write(" ".join(f"{max(p[c] for p in part):.6g}" if c else f"{part[0][0]:.2f}"
                                    for c in range(columns)) + "\n")

    def draw(self, directory, path):
        base = f"{directory}/.graph"
        backlog = dict(self.backlog())
        cpu = [(b["t"], (b["cpu_ms"] - a["cpu_ms"]) / (b["t"] - a["t"]) / 10)
               for a, b in zip(self.samples[::2], self.samples[2::2])
               if a["pid"] == b["pid"] and b["cpu_ms"] >= a["cpu_ms"] and b["t"] > a["t"]]
        self.thin(base + ".1", 3, [(s["t"], s["followed"], backlog[s["t"]]) for s in self.samples])
        self.thin(base + ".2", 2, cpu)
        self.thin(base + ".3", 2, [(s["t"], s["rss_kib"] / MIB) for s in self.samples if s["pid"] > 0])
        self.thin(base + ".4", 3, [(t, took / 1000, bare / 1000) for t, took, bare in self.creations])
        self.thin(base + ".5", 3, [(s["t"], s["fds"], s["db"] / 1048576) for s in self.samples])
        marks = "".join(f"set arrow from {start:.2f}, graph 0 to {start:.2f}, graph 1 nohead lc rgb '#999999' dt 2\n"
                        for _, start, _ in self.phases)
        labels = "".join(f"set label '{name}' at {start:.2f}, graph 1 offset 0.3,{1.5 if i % 2 else 0.6} font ',9' tc rgb '#555555'\n"
                         for i, (name, start, _) in enumerate(self.phases))
        script = f"""
set terminal svg size 900,900 font 'sans,11' background '#ffffff'
set output '{path}'
set multiplot layout 5,1 margins 0.09,0.92,0.06,0.95 spacing 0,0.05
set xrange [0:{self.end:.0f}]
set yrange [0:*]
set key at graph 0.8, graph 0.8 samplen 2 width -2
set ytics nomirror
set grid y lc rgb '#dddddd'
{marks}{labels}
set ylabel 'containers'
plot '{base}.1' using 1:2 with lines lw 2 lc rgb '#1f77b4' title 'followed', '' using 1:3 with lines lw 2 lc rgb '#d62728' title 'backlog'
unset label
set ylabel 'CPU, % of one'
plot '{base}.2' with lines lw 1.5 lc rgb '#1f77b4' notitle
set ylabel 'RSS, MiB'
plot '{base}.3' with lines lw 2 lc rgb '#1f77b4' notitle
set key off
set ylabel 'creation, ms (grey: alone)'
set logscale y
set yrange [*:*]
plot '{base}.4' using 1:2 with points pt 7 ps 0.3 lc rgb '#1f77b4' title 'through the wrapper', '' using 1:3 with points pt 7 ps 0.3 lc rgb '#aaaaaa' title 'the runtime alone (does nothing)'
unset logscale y
set yrange [0:*]
set key on
set ylabel 'descriptors'
set y2label 'database, MiB'
set y2tics
set y2range [0:*]
set xlabel 'seconds'
plot '{base}.5' using 1:2 with lines lw 2 lc rgb '#1f77b4' title 'descriptors', '' using 1:3 axes x1y2 with lines lw 2 lc rgb '#2ca02c' title 'database'
unset multiplot
"""
        subprocess.run(["gnuplot"], input=script, text=True, check=True)
        for i in range(1, 6):
            os.remove(f"{base}.{i}")


def table(out, head, lines):
    out.write("| " + " | ".join(head) + " |\n|" + "---|" * len(head) + "\n")
    for line in lines:
        out.write("| " + " | ".join(str(cell) for cell in line) + " |\n")
    out.write("\n")


def report(directory, runs, out):
    good = True
    out.write("# The scale test\n\n")
    for n in sorted({run.n for run in runs}):
        same = [run for run in runs if run.n == n]
        out.write(f"## {n} containers\n\n")
        names = [run.name.split("-", 1)[1] for run in same]
        lines = []
        for name, fact in WAVES:
            waves = [run.wave(name, fact) for run in same]
            lines.append([f"{name}: done in, s"] + [f"{wave[0]:.1f}" for wave in waves])
            lines.append([f"{name}: last taken up after that, s"] + [f"{max(wave[1], 0):.1f}" for wave in waves])
            lines.append([f"{name}: taken up, 1/s"] + [f"{wave[2]:.0f}" for wave in waves])
        lines.append(["most that waited"] + [f"{max(value for _, value in run.backlog()):.0f}" for run in same])
        lines.append(["restart until ready, s"] + [f"{float(run.facts.get('restart_ms', 'nan')) / 1000:.1f}" for run in same])
        lines.append(["RSS a container above idle, full windows, KiB"] + [
            f"{(run.settled('day 2', 'rss_kib') - run.settled('idle', 'rss_kib')) / n:.2f}" for run in same])
        lines.append(["published limits, KiB"] + [run.facts.get("limits_kib", "").split(" ")[0].split("\t")[0] for run in same])
        table(out, ["", *names], lines)
        for name in [phase for phase, _, _ in same[0].phases]:
            lines = []
            ticks = [run.tick(name) for run in same]
            created = [run.phase_creations(name) for run in same]
            lines.append(["tick: mean, ms"] + [tick[0] for tick in ticks])
            lines.append(["tick: p50, ms"] + [tick[1] for tick in ticks])
            lines.append(["tick: p99, ms"] + [tick[2] for tick in ticks])
            lines.append(["tick: longest, ms"] + [tick[3] for tick in ticks])
            lines.append(["CPU, % of one"] + [f"{run.cpu(name):.1f}" for run in same])
            lines.append(["RSS at its end, MiB"] + [f"{run.settled(name, 'rss_kib') / MIB:.1f}" for run in same])
            lines.append(["descriptors"] + [f"{run.settled(name, 'fds'):.0f}" for run in same])
            lines.append(["database, MiB"] + [f"{run.settled(name, 'db') / 1048576:.1f}" for run in same])
            lines.append(["creation: p50, ms"] + [f"{quantile([c[0] for c in cs], 0.5) / 1000:.1f}" for cs in created])
            lines.append(["creation: p99, ms"] + [f"{quantile([c[0] for c in cs], 0.99) / 1000:.1f}" for cs in created])
            lines.append(["the runtime alone: p50, p99, ms"] + [
                f"{quantile([c[1] for c in cs], 0.5) / 1000:.1f}, {quantile([c[1] for c in cs], 0.99) / 1000:.1f}" for cs in created])
            out.write(f"### {name}\n\n")
            table(out, ["", *names], lines)
        for run in same:
            run.draw(directory, f"{directory}/{run.name}.svg")
            out.write(f"### {run.name}\n\n![{run.name}]({run.name}.svg)\n\n")
            for text, held in run.checks():
                good = good and held
                out.write(f"- {'holds' if held else '**FAILS**'}: {text}\n")
                print(f"{'ok' if held else 'not ok'} - {run.name}: {text}")
            out.write("\n")
    return good


def report_trees(directory, out):
    trees = {int(name[len("tree-"):]): {row[1].split(".", 2)[2]: row[2:] for row in rows(f"{directory}/{name}")}
             for name in os.listdir(directory) if name.startswith("tree-")}
    if not trees:
        return False
    out.write("## A generated tree, not emulated\n\n")
    sizes = sorted(trees)
    table(out, ["", *map(str, sizes)], [[f"{name}, {unit[0]}" if unit else name] + [trees[n].get(name, [""])[0] for n in sizes]
                              for name, (_, *unit) in trees[sizes[0]].items()])
    return True


def main():
    directory = sys.argv[1]
    runs = [Run(f"{directory}/{name}") for name in sorted(os.listdir(directory))
            if os.path.exists(f"{directory}/{name}/run") and len(rows(f"{directory}/{name}/phases")) > 1]
    with open(directory + "/report.md", "w", encoding="utf-8") as out:
        good = report(directory, runs, out)
        if not report_trees(directory, out) and not runs:
            sys.exit("scaletest_report: no run in " + directory)
    print(f"{directory}/report.md")
    sys.exit(0 if good else 1)


main()
