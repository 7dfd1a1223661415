#!/usr/bin/env python3
"""Checks who includes whom: no room points back up, and rooms that promise it stay clear of LibTorch and protobuf.
Few files include LibTorch's big headers, and each is named here; the rooms are those of docs/design.md.

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
    "grouppose/loss": ["base", "grouppose/data/targets", "grouppose/model/outputs"],
    "grouppose/checkpoint": ["base", "grouppose/nn"],
    # reading recorded outputs, and comparing with them
    "grouppose/parity/recipe": ["base", "grouppose/nn"],
    "grouppose/parity/fixture": ["base", "grouppose/checkpoint"],
    "grouppose/parity/difference": ["base"],
    # tests and the helpers of tests only (TESTS_ALSO)
    "grouppose/testing": [
        "base",
        "grouppose/nn",
        "grouppose/parity/recipe",
        "grouppose/parity/fixture",
        "grouppose/parity/difference",
    ],
    "grouppose/train": [
        "base",
        "eval",
        "grouppose/nn",
        "grouppose/data",
        "grouppose/model",
        "grouppose/loss",
        "grouppose/checkpoint",
    ],
    "grouppose/benchmark": [
        "base",
        "ops",
        "grouppose/nn",
        "grouppose/model",
        "grouppose/data",
        "grouppose/loss",
        "grouppose/train",
    ],
    "grouppose/parity": [
        "base",
        "eval",
        "ops",
        "grouppose/nn",
        "grouppose/backbone",
        "grouppose/attention",
        "grouppose/transformer",
        "grouppose/model",
        "grouppose/data",
        "grouppose/loss",
        "grouppose/checkpoint",
        "grouppose/train",
    ],
    "grouppose/config": ["base", "eval", "experiments", "grouppose"],
    # a study runs trainers; the programs that it links read their records only
    "ablations": ["base", "experiments", "eval", "grouppose"],
    "tools": ["base", "experiments", "eval", "ops", "grouppose", "ablations"],
}

# Tests, and the helpers of tests, may look at the fixtures too; those that run a model link a scheme.
TESTS_ALSO = ["grouppose/testing", "grouppose/attention"]

# These link no LibTorch: scoring results must not need a download of half a gigabyte.
NO_LIBTORCH = ["base", "experiments", "eval"]

# These take plain structs and know no protobuf.
NO_PROTOBUF = ["base", "ops", "grouppose"]
KNOWS_PROTOBUF = ["grouppose/config", "grouppose/train"]

# Headers that take g++ four to fifteen seconds each, in every file that includes them; ATen by operator takes five with
# all that a module of ours needs.
BIG_HEADERS = re.compile(
    r"ATen/(ATen|Functions|TensorIndexing)\.h|torch/(torch|all|types|nn|optim|serialize|script|library|extension)\.h"
    r"|torch/(nn|optim|data|jit|csrc)/.*"
)

# Who includes them all the same, and why.
INCLUDE_BIG_HEADERS = {
    "ablations/cost/parts.cc": "the backward pass alone is timed",
    "grouppose/loss/criterion.cc": "the losses are one node of the graph",
    "grouppose/nn/recomputation.cc": "a node that runs a module again in the backward pass",
    "ops/group_attention/group_attention.cc": "registers the operator and its gradient",
    "ops/group_attention/group_attention_cpu_operator.cc": "registers the operator",
    "ops/group_attention/group_attention_cuda_operator.cc": "registers the operator",
    "ops/group_attention/group_attention_meta.cc": "registers the operator",
    "ops/ms_deform_attn/ms_deform_attn.cc": "registers the operators and their gradients",
    "ops/ms_deform_attn/ms_deform_attn_cpu_operator.cc": "registers the operators",
    "ops/ms_deform_attn/ms_deform_attn_cuda_operator.cc": "registers the operator",
    "ops/ms_deform_attn/ms_deform_attn_meta.cc": "registers the operator",
}


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
                if BIG_HEADERS.fullmatch(target) and path not in INCLUDE_BIG_HEADERS:
                    faults.append("%s:%d: %s is a big header: include ATen by operator, or name the file" % (path, number, target))
                why = fault(path, target, is_test)
                if why:
                    faults.append("%s:%d: uses %s, but %s" % (path, number, target, why))
    return count, faults


def check_design(root: Path) -> List[str]:
    """The rooms that docs/design.md's table lists are those that have a row here."""
    text = Path(root, "docs/design.md").read_text(encoding="utf-8")
    listed = {room.rstrip("/") for room in re.findall(r"^\| `([a-z/_]+)` \|", text, re.MULTILINE)} - {"third_party"}
    # a row for one target narrows its room's row
    rooms = {room for room in ROOMS if Path(root, room).is_dir()}
    return ["docs/design.md has no row for %s" % room for room in sorted(rooms - listed)] + [
        "docs/design.md has a row for %s, tools/lint/layers.py has none" % room for room in sorted(listed - set(ROOMS))
    ]


def main() -> int:
    root = Path(__file__).resolve().parents[2]
    count, faults = check(root)
    faults += check_design(root)
    print("\n".join(faults) if faults else "%d files keep the include rules" % count)
    return 1 if faults or not count else 0


if __name__ == "__main__":
    sys.exit(main())
