#!/usr/bin/env python3
"""Writes compile_commands.json at the root of the tree, for clangd, clang-tidy and editors.

  ./bazelw run //tools:compile_commands [-- TARGET_PATTERN...]     without patterns: //...

Asks Bazel for the command of every C++ compilation, builds nothing: headers that a build generates (*.pb.h, OpenCV's)
are found once `./bazelw build //...` has made them.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterable, List, Optional

# Options that only g++ knows, and those that say where a compilation leaves what an editor does not want.
DROPPED = ("-fno-canonical-system-headers", "-MD", "-Wno-free-nonheap-object")
DROPPED_BEGINNINGS = ("-frandom-seed=",)
DROPPED_WITH_VALUE = ("-MF",)

# Options followed by a folder.
FOLDER_OPTIONS = ("-I", "-iquote", "-isystem")


def resolved(path: str, output_base: str, execution_root: str) -> str:
    """A path of a command, which Bazel runs in its execution root, as seen from the root of the tree."""
    if path.startswith("external/"):
        return os.path.join(output_base, path)
    if path.startswith("bazel-out/"):
        return os.path.join(execution_root, path)
    return path


def cleaned(arguments: List[str], output_base: str, execution_root: str) -> List[str]:
    """The command for a reader: the same source, macros and folders."""
    result, rest = [], iter(arguments)
    for argument in rest:
        if argument in DROPPED or argument.startswith(DROPPED_BEGINNINGS):
            continue
        if argument in DROPPED_WITH_VALUE:
            next(rest, None)
        elif argument.startswith("-I") and argument != "-I":
            result.append("-I" + resolved(argument[2:], output_base, execution_root))
        else:
            result.append(resolved(argument, output_base, execution_root))
    return result


def source_of(arguments: List[str]) -> Optional[str]:
    return arguments[arguments.index("-c") + 1] if "-c" in arguments[:-1] else None


def entries(actions: Iterable[dict], root: str, output_base: str, execution_root: str) -> List[dict]:
    """One entry a source file of ours, sorted by name; of several compilations of a file the first."""
    found: Dict[str, dict] = {}
    for action in actions:
        arguments = action.get("arguments", [])
        source = source_of(arguments)
        # outside projects and generated files are nobody's to edit
        if source is None or source.startswith(("external/", "bazel-out/")) or source in found:
            continue
        found[source] = {
            "directory": root,
            "file": source,
            "arguments": cleaned(arguments, output_base, execution_root),
        }
    return [found[source] for source in sorted(found)]


def missing_folders(commands: Iterable[dict]) -> List[str]:
    """Folders of headers that are not there, and that no build makes."""
    missing = set()
    for command in commands:
        arguments = command["arguments"]
        for option, value in zip(arguments, arguments[1:]):
            folder = os.path.join(command["directory"], value)
            if option in FOLDER_OPTIONS and "/bazel-out/" not in folder and not os.path.isdir(folder):
                missing.add(folder)
    return sorted(missing)


def bazel(root: str, *arguments: str) -> str:
    result = subprocess.run(
        [os.path.join(root, "bazelw"), *arguments], cwd=root, stdout=subprocess.PIPE, text=True, check=False
    )
    if result.returncode != 0:
        sys.exit(result.returncode)
    return result.stdout


def main(patterns: List[str]) -> int:
    root = os.environ.get("BUILD_WORKSPACE_DIRECTORY", os.getcwd())
    query = 'mnemonic("CppCompile", %s)' % " + ".join(patterns or ["//..."])
    quiet = ["--ui_event_filters=-info", "--noshow_progress"]
    answer = json.loads(bazel(root, "aquery", *quiet, "--output=jsonproto", "--noinclude_artifacts", query))
    output_base, execution_root = (
        bazel(root, "info", *quiet, name).strip() for name in ("output_base", "execution_root")
    )
    commands = entries(answer.get("actions", []), root, output_base, execution_root)
    target = Path(root, "compile_commands.json")
    partial = target.with_name(target.name + ".%d" % os.getpid())
    partial.write_text(json.dumps(commands, indent=1) + "\n", encoding="utf-8")
    partial.rename(target)
    print("%s: %d files" % (target, len(commands)))
    missing = missing_folders(commands)
    for folder in missing:
        print("not there: %s" % folder, file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
