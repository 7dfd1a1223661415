#!/usr/bin/env python3
"""Reads the tree, or the files that are named, with clang-tidy, and prints what it finds. What was read once is cached.

  ./bazelw run //tools/lint:tidy [-- FILE...]
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Iterator, List
from urllib.parse import urlparse
from urllib.request import url2pathname

ASPECT = "//tools/lint:tidy.bzl%tidy_aspect"


def bazel(root: str, *arguments: str) -> subprocess.CompletedProcess:
    command = [os.path.join(root, "bazelw"), *arguments]
    return subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=False)


def targets_of(root: str, files: List[str]) -> List[str]:
    """The C++ rules that have these files among their sources or headers."""
    here = os.environ.get("BUILD_WORKING_DIRECTORY", root)
    names = [os.path.relpath(os.path.join(here, file), root) for file in files]
    query = 'kind("cc_(binary|library|test) rule", same_pkg_direct_rdeps(set(%s)))' % " ".join(names)
    result = bazel(root, "query", "--noshow_progress", "--ui_event_filters=-info", query)
    if result.returncode != 0 or not result.stdout.split():
        print("no C++ rule has %s" % ", ".join(names), file=sys.stderr)
        sys.exit(2)
    return result.stdout.split()


def finding_files(events: Path) -> Iterator[Path]:
    """The files that the aspect made, as a build tells them in its events, one JSON object a line."""
    for line in events.read_text(encoding="utf-8").splitlines():
        for file in json.loads(line).get("namedSetOfFiles", {}).get("files", []):
            if ".tidy/" in file["name"]:
                yield Path(url2pathname(urlparse(file["uri"]).path))


def findings(text: str) -> Iterator[str]:
    """Each finding with the lines that explain it."""
    for part in re.split(r"^(?=\S+:\d+:\d+: (?:warning|error): )", text, flags=re.MULTILINE):
        if part.strip():
            yield part.rstrip()


def main(files: List[str]) -> int:
    root = os.environ["BUILD_WORKSPACE_DIRECTORY"]
    targets = targets_of(root, files) if files else ["//..."]
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder, "events")
        options = ["--aspects=" + ASPECT, "--output_groups=tidy", "--build_event_json_file=%s" % events]
        result = bazel(root, "build", *options, "--show_result=0", *targets)
        if not events.exists():
            return result.returncode
        read = sorted(set(finding_files(events)))
    # a header's findings are told by every file that includes it
    found = sorted({finding for file in read for finding in findings(file.read_text(encoding="utf-8"))})
    for finding in found:
        print(finding)
    print("%d files read, %d findings" % (len(read), len(found)))
    return result.returncode or (1 if found else 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
