#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rooms of the tree and the arrows between them, from the #include lines.

    test_rooms.py TOP              holds the tree against the rules below and the picture against the tree (TAP)
    test_rooms.py TOP --draw FILE  draws the picture (needs graphviz' dot)

The rules: a room includes from its own floor downwards only, no program's room from another program's, and there
is no circle of files anywhere. A module is a .c file with the header of the same name.
"""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

# From the ground up. The rooms of one floor do not include from each other.
FLOORS = [
    ["cgroups"],
    ["oci"],
    ["shim/tune"],
    ["shim/store"],
    ["shim/report"],
    ["shim/wrapper", "shim/daemon", "shim/ctl", "shim/fleet"],
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
PICTURE = "docs/rooms.svg"
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def read_modules(top):
    """{module: modules that it includes from}, as paths without their endings."""
    arrows = defaultdict(set)
    for path in sorted(top.glob("*/**/*.[ch]")):
        name = path.relative_to(top)
        if name.parts[0] not in ("cgroups", "oci", "shim"):
            continue
        module = str(name).split(".")[0]
        arrows[module] |= set()
        for include in INCLUDE.findall(path.read_text(encoding="utf-8")):
            # What the build makes (*.skel.h, *.pb-c.h) has no place in the tree.
            if (top / include).exists():
                arrows[module].add(include.split(".")[0])
        arrows[module].discard(module)
    return dict(arrows)


def room_of(module):
    return module.rsplit("/", 1)[0]


def find_circles(arrows):
    """The modules of each circle: strongly connected components of more than one (Tarjan)."""
    index, low, stack, circles = {}, {}, [], []

    def visit(module):
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in arrows.get(module, ()):
            if other not in index:
                visit(other)
            if other in stack:
                low[module] = min(low[module], low[other])
        if low[module] == index[module]:
            at = stack.index(module)
            if len(stack) - at > 1:
                circles.append(sorted(stack[at:]))
            del stack[at:]

    for module in arrows:
        if module not in index:
            visit(module)
    return circles


def find_faults(arrows):
    """{rule: the places where it is broken}"""
    strange = sorted({room_of(module) for module in arrows} - FLOOR.keys())
    up, across = [], []
    for module, others in arrows.items():
        for other in sorted(others):
            here, there = room_of(module), room_of(other)
            if here == there or here not in FLOOR or there not in FLOOR:
                continue
            if FLOOR[there] > FLOOR[here]:
                up.append(f"{module} includes from {other}")
            elif FLOOR[there] == FLOOR[here]:
                across.append(f"{module} includes from {other}")
    return {
        "every file is in a room that has a floor": [f"{room} has none" for room in strange],
        "no arrow goes up": up,
        "no program's room includes from another's": across,
        "no files include each other in a circle": [" -> ".join(circle) for circle in find_circles(arrows)],
    }


def dot_source(arrows):
    """The rooms, each with its modules. An arrow that follows from others (a -> b -> c) is left out."""
    rooms, inside = defaultdict(set), defaultdict(list)
    for module, others in sorted(arrows.items()):
        room = room_of(module)
        inside[room].append(module.rsplit("/", 1)[1])
        rooms[room] |= {room_of(other) for other in others} - {room}

    def reaches(start, goal, seen=()):
        return any(
            room == goal or reaches(room, goal, (*seen, start)) for room in rooms[start] if room not in seen
        )

    lines = [
        "digraph rooms {",
        '\tgraph [rankdir=TB, ranksep=0.35, nodesep=0.3, fontname="Helvetica"];',
        '\tnode [shape=box, style="filled", fillcolor="#eef3f8", color="#4a6785", fontname="Helvetica", fontsize=10];',
        '\tedge [color="#4a6785", arrowsize=0.7];',
    ]
    for floor in reversed(FLOORS):
        here = [room for room in floor if room in inside]
        for room in here:
            wrapped, line = [], ""
            for name in inside[room]:
                if len(line) + len(name) > (34 if len(here) > 1 else 90):
                    wrapped.append(line)
                    line = ""
                line += f"{name}  "
            text = "".join(f"{part.strip()}\\n" for part in [*wrapped, line])
            lines.append(f'\t"{room}" [label="{room}/\\n\\n{text}"];')
        lines.append("\t{ rank=same; " + " ".join(f'"{room}";' for room in here) + " }")
    for room, others in sorted(rooms.items()):
        for other in sorted(others):
            if not any(reaches(middle, other) for middle in others - {other}):
                lines.append(f'\t"{room}" -> "{other}";')
    return "\n".join([*lines, "}"]) + "\n"


def embed(source):
    # "--" must not stand in an XML comment.
    return "<!-- made by tests/test_rooms.py from\n" + source.replace("->", "→").replace("--", "- -") + "-->\n"


def draw(top, file):
    source = dot_source(read_modules(top))
    svg = subprocess.run(["dot", "-Tsvg"], input=source, text=True, check=True, capture_output=True).stdout
    svg = re.sub(r"<!--.*?-->\n?", "", svg, flags=re.S)
    Path(file).write_text(svg.replace("<svg ", embed(source) + "<svg ", 1), encoding="utf-8")


def self_test():
    """That each rule can fail."""
    good = {"shim/ctl/a": {"shim/store/b"}, "shim/store/b": {"cgroups/c"}, "cgroups/c": set()}
    bad = {
        "shim/new/a": set(),
        "cgroups/c": {"oci/d"},
        "oci/d": {"oci/e"},
        "oci/e": {"oci/f"},
        "oci/f": {"oci/d"},
        "shim/ctl/a": {"shim/daemon/x"},
        "shim/daemon/x": set(),
    }
    return not any(find_faults(good).values()) and all(len(found) == 1 for found in find_faults(bad).values())


def check(top):
    arrows = read_modules(top)
    results = {"each rule finds what breaks it": [] if self_test() else ["self_test() failed"]}
    results |= find_faults(arrows)
    picture = top / PICTURE
    stale = not picture.exists() or embed(dot_source(arrows)) not in picture.read_text(encoding="utf-8")
    results[f"{PICTURE} shows the tree as it is"] = (
        [f"draw it anew: tests/test_rooms.py . --draw {PICTURE}"] if stale else []
    )
    print(f"1..{len(results)}")
    for number, (name, faults) in enumerate(results.items(), 1):
        print("not ok" if faults else "ok", number, "-", name)
        for fault in faults:
            print("#", fault)
    return 1 if any(results.values()) else 0


def main():
    match sys.argv[1:]:
        case [top]:
            return check(Path(top))
        case [top, "--draw", file]:
            return draw(Path(top), file)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
