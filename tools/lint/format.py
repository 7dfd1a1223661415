#!/usr/bin/env python3
"""Checks that every .h, .cc and .proto of the tree is formatted by the locked clang-format; --fix formats them.

  format.py CLANG_FORMAT [--fix]
"""

import os
import subprocess
import sys
from pathlib import Path

SUFFIXES = (".h", ".cc", ".cu", ".proto")


def sources(root: Path) -> list:
    """Every source file under root, by name relative to it. Hidden folders and Bazel's links hold none of ours."""
    found = []
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = sorted(f for f in subfolders if not f.startswith((".", "bazel-")))
        found += [os.path.relpath(os.path.join(folder, f), root) for f in sorted(files) if f.endswith(SUFFIXES)]
    return found


def main(arguments: list) -> int:
    clang_format = os.path.abspath(arguments[0])
    # a run by Bazel stands in a copy made of links: the tree is where this file really lies
    root = Path(__file__).resolve().parents[2]
    files = sources(root)
    if not files:
        print("no source files under %s" % root)
        return 1
    if arguments[1:] == ["--fix"]:
        return subprocess.run([clang_format, "-i", *files], cwd=root, check=False).returncode
    result = subprocess.run(
        [clang_format, "--dry-run", "--Werror", *files], cwd=root, capture_output=True, text=True, check=False
    )
    if result.returncode == 0:
        print("%d files are formatted" % len(files))
        return 0
    complaints = [line for line in result.stderr.splitlines() if "[-Wclang-format-violations]" in line]
    for name in files:
        places = [line.split(":")[1] for line in complaints if line.startswith(name + ":")]
        if places:
            print("%s: not formatted, first at line %s" % (name, places[0]))
    if not complaints:
        print(result.stderr)
    print("to format every file, run: ./bazelw run //tools/lint:format")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
