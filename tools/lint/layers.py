#!/usr/bin/env python3
"""Checks who includes whom: no room points back up, and rooms that promise it stay clear of LibTorch and protobuf.

Reads the #include lines of every source file and the deps of every BUILD file. A room reaches only the rooms of
its row here, each of which obeys its own row, so what holds for every single step holds for all that a target links.
"""

import ast
import os
import re
import sys
from pathlib import Path
from typing import Iterator, List, Optional, Tuple

# room -> what it may include besides itself. docs/design.md has the picture; a new room gets a row here.
ROOMS = {
    "base": [],
    "experiments": ["base"],
    "ops": ["base"],
    "eval": ["base", "experiments"],
    "grouppose/nn": ["base", "ops"],
    "grouppose/backbone": ["base", "grouppose/nn"],
    "grouppose/attention": ["base", "ops", "grouppose/nn"],
    "grouppose/transformer": ["base", "ops", "grouppose/nn", "grouppose/backbone", "grouppose/attention"],
    # what the model gives, known to those who only read it
    "grouppose/model/outputs": ["base"],
    "grouppose/model": ["base", "grouppose/nn", "grouppose/backbone", "grouppose/attention", "grouppose/transformer"],
    "grouppose/data": ["base", "eval"],
    "grouppose/loss": ["base", "grouppose/data", "grouppose/model/outputs"],
    "grouppose/checkpoint": ["base", "grouppose/nn"],
    "grouppose/train": ["base", "eval", "grouppose"],
    "grouppose/predict": ["base", "eval", "grouppose"],
    "grouppose/config": ["base", "eval", "experiments", "grouppose"],
    "grouppose/testing": ["base", "grouppose"],
    # a study runs trainers; the programs that it links read their records only
    "ablations": ["base", "experiments", "eval", "grouppose"],
    "tools": ["base", "experiments", "eval", "ops", "grouppose", "ablations"],
}

# Tests, and the helpers of tests, may look at the fixtures too.
TESTS_ALSO = ["grouppose/testing"]

# These link no LibTorch: scoring results must not need a download of half a gigabyte.
NO_LIBTORCH = ["base", "experiments", "eval"]

# These take plain structs and know no protobuf.
NO_PROTOBUF = ["base", "ops", "grouppose"]
KNOWS_PROTOBUF = ["grouppose/config", "grouppose/train"]


def within(path: str, rooms: List[str]) -> bool:
    return any(path == room or path.startswith((room + "/", room + ".")) for room in rooms)


def room_of(path: str) -> Optional[str]:
    """The row of ROOMS that fits best: 'grouppose/nn/module.h' -> 'grouppose/nn'."""
    fitting = [room for room in ROOMS if within(path, [room])]
    return max(fitting, key=len) if fitting else None


def included(text: str) -> Iterator[Tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*["<]([^">]+)[">]', line)
        if match:
            yield number, match.group(1)


def dependencies(text: str, package: str) -> Iterator[Tuple[int, bool, str]]:
    """Line, whether a test asks, and label (as a path: 'base/check', '@libtorch//torch') of every deps entry."""
    for call in ast.walk(ast.parse(text)):
        if not isinstance(call, ast.Call):
            continue
        keywords = {k.arg: k.value for k in call.keywords}
        is_test = (
            (isinstance(call.func, ast.Name) and call.func.id.endswith("_test"))
            or isinstance(keywords.get("testonly"), ast.Constant)
        )
        for node in ast.walk(keywords["deps"]) if "deps" in keywords else []:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                label = node.value
                if label.startswith(":"):
                    label = "//%s%s" % (package, label)
                yield node.lineno, is_test, label.replace(":", "/").replace("///", "//").lstrip("/")


def fault(asker: str, target: str, is_test: bool) -> Optional[str]:
    """Why a file or target named `asker` must not use `target`; None where it may."""
    room = room_of(asker)
    if re.match(r"@libtorch|torch/|ATen/|c10/", target):
        return "%s links no LibTorch" % room if within(asker, NO_LIBTORCH) else None
    if target.endswith((".pb.h", "_cc_proto")) or target.startswith(("@com_google_protobuf", "google/protobuf")):
        knows = not within(asker, NO_PROTOBUF) or within(asker, KNOWS_PROTOBUF)
        return None if knows else "%s knows no protobuf: it takes plain structs" % room
    goal = room_of(target)
    if goal is None or goal == room or (room or "").startswith(goal + "/") or target.startswith("third_party"):
        return None
    allowed = ROOMS[room] + [room] + (TESTS_ALSO if is_test else [])
    if within(target, allowed):
        return None
    return "%s may include %s" % (room, ", ".join(allowed[: len(ROOMS[room])]) or "nothing but itself")


def check(root: Path) -> Tuple[int, List[str]]:
    """How many files were read, and every fault in them."""
    count, faults = 0, []
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = sorted(f for f in subfolders if not f.startswith((".", "bazel-", "third_party")))
        for name in sorted(files):
            path = os.path.relpath(os.path.join(folder, name), root)
            if not (name == "BUILD" or name.endswith((".h", ".cc", ".cu"))) or os.path.dirname(path) == "":
                continue
            count += 1
            if room_of(path) is None:
                faults.append("%s: no row of ROOMS in tools/lint/layers.py covers this room" % path)
                continue
            text = Path(folder, name).read_text(encoding="utf-8")
            if name == "BUILD":
                asks = dependencies(text, os.path.dirname(path))
            else:
                # tests, and the oracles and helpers that speak GoogleTest for them
                is_test = re.search(r"#include <g(test|mock)/", text) is not None or "/testing/" in path
                asks = ((number, is_test, target) for number, target in included(text))
            for number, is_test, target in asks:
                why = fault(path, target, is_test)
                if why:
                    faults.append("%s:%d: uses %s, but %s" % (path, number, target, why))
    return count, faults


def main() -> int:
    count, faults = check(Path(__file__).resolve().parents[2])
    print("\n".join(faults) if faults else "%d files keep the include rules" % count)
    return 1 if faults or not count else 0


if __name__ == "__main__":
    sys.exit(main())
