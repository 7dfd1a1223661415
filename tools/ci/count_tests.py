#!/usr/bin/env python3
"""Counts the test cases of a `bazel test` run: what passed, what failed and what was skipped, each with its reason.

  count_tests.py TESTLOGS BAZEL_OUTPUT [CHECKS_OUTPUT]

TESTLOGS is `bazel info bazel-testlogs`, BAZEL_OUTPUT what `bazel test` printed: it names the targets of this run, cached
ones too, so that files left by an earlier run are not counted. CHECKS_OUTPUT is what tools/python_checks.sh printed; its
last line is added. The last line printed is `N passed, N failed, N skipped`; the exit code is 0 only if something passed
and nothing failed.
"""

import re
import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path
from typing import Dict, List, NamedTuple

# "//base:flags_test      (cached) PASSED in 0.1s", "//base:flags_test     FAILED TO BUILD"
SUMMARY = re.compile(
    r"^(//\S*:\S+)\s+(?:\(cached\) )?(PASSED|FLAKY|FAILED TO BUILD|FAILED|TIMEOUT|NO STATUS|INCOMPLETE|REMOTE FAILURE)\b"
)
CLOSING = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$")
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\r")


class Case(NamedTuple):
    name: str
    outcome: str  # passed, failed or skipped
    reason: str


def targets(output: str) -> Dict[str, str]:
    """Label -> Bazel's word for it, of every test target in the run's summary."""
    found = {}
    for line in ESCAPES.sub("", output).splitlines():
        match = SUMMARY.match(line)
        if match:
            found[match.group(1)] = match.group(2)
    return found


def one_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # GoogleTest puts the place before the message
    if len(lines) > 1 and re.match(r"\S+:\d+$", lines[0]):
        lines = lines[1:]
    return lines[0][:200] if lines else ""


def read_case(element: ElementTree.Element) -> Case:
    name = ".".join(word for word in (element.get("classname"), element.get("name")) if word)
    for tag in ("failure", "error"):
        problem = element.find(tag)
        if problem is not None:
            return Case(name, "failed", one_line(problem.get("message") or problem.text or ""))
    skipped = element.find("skipped")
    if skipped is not None:
        return Case(name, "skipped", one_line(skipped.get("message") or skipped.text or ""))
    if element.get("result") in ("skipped", "suppressed") or element.get("status") == "notrun":
        return Case(name, "skipped", "disabled")
    return Case(name, "passed", "")


def cases(label: str, word: str, testlogs: Path) -> List[Case]:
    """The test cases of one target. A target that has none, or whose failure none of them tells, counts as one."""
    folder = testlogs / label[2:].replace(":", "/")
    found = []
    for path in sorted(folder.glob("test.xml")) + sorted(folder.glob("shard_*/test.xml")):
        try:
            found += [read_case(element) for element in ElementTree.parse(path).getroot().iter("testcase")]
        except ElementTree.ParseError as error:
            found.append(Case(path.name, "failed", "not readable: %s" % error))
    if word in ("PASSED", "FLAKY"):
        return found or [Case("", "passed", "")]
    if word in ("FAILED TO BUILD", "NO STATUS"):
        # its files are those of an earlier run
        return [Case("", "failed", word.lower())]
    if not any(case.outcome == "failed" for case in found):
        found.append(Case("", "failed", word.lower()))
    return found


def main(arguments: List[str]) -> int:
    testlogs, output = Path(arguments[0]), Path(arguments[1]).read_text(encoding="utf-8", errors="replace")
    counts = dict.fromkeys(("passed", "failed", "skipped"), 0)
    failed, skipped = [], defaultdict(list)
    for label, word in sorted(targets(output).items()):
        for case in cases(label, word, testlogs):
            counts[case.outcome] += 1
            shown = "%s %s" % (label, case.name) if case.name else label
            if case.outcome == "failed":
                failed.append("%s: %s" % (shown, case.reason) if case.reason else shown)
            elif case.outcome == "skipped":
                skipped[case.reason].append(shown)

    if len(arguments) > 2:
        lines = Path(arguments[2]).read_text(encoding="utf-8", errors="replace").splitlines()
        closing = CLOSING.match(lines[-1]) if lines else None
        if closing:
            for outcome, number in zip(("passed", "failed", "skipped"), closing.groups()):
                counts[outcome] += int(number)
            failed += ["tools/python_checks.sh %s" % line[5:] for line in lines if line.startswith("FAIL ")]
        else:
            counts["failed"] += 1
            failed.append("tools/python_checks.sh: it did not come to its end")

    for reason, names in sorted(skipped.items()):
        shown = names if len(names) <= 3 else names[:2] + ["and %d more" % (len(names) - 2)]
        print("skipped (%s): %s" % (reason or "no reason given", ", ".join(shown)))
    for line in failed:
        print("FAILED %s" % line)
    if not any(counts.values()):
        print("no test ran")
    print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % counts)
    return 0 if counts["passed"] and not counts["failed"] else 1


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(main(sys.argv[1:]))
