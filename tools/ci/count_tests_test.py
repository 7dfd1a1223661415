#!/usr/bin/env python3
"""Tests of count_tests.py on small testlogs of the kinds that Bazel and GoogleTest write."""

import contextlib
import io
import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).absolute().parent))
import count_tests  # noqa: E402

GTEST = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="4" failures="1" disabled="1" errors="0"><testsuite name="Flags" tests="4" skipped="1">
  <testcase name="Reads" status="run" result="completed" classname="Flags"/>
  <testcase name="Refuses" status="run" result="completed" classname="Flags">
    <failure message="base/flags_test.cc:12&#x0A;Expected equality of these values:&#x0A;  1&#x0A;  2" type=""/></testcase>
  <testcase name="NeedsData" status="run" result="skipped" classname="Flags">
    <skipped message="base/flags_test.cc:30&#x0A;GROUPPOSE_TEST_DATA is not set"/></testcase>
  <testcase name="DISABLED_Later" status="notrun" result="suppressed" classname="Flags"/>
</testsuite></testsuites>"""
SHELL_PASSED = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites><testsuite name="tools/lint/format_test" tests="1" failures="0" errors="0">
<testcase name="tools/lint/format_test" status="run"/><system-out>noise</system-out></testsuite></testsuites>"""
SHELL_FAILED = SHELL_PASSED.replace('status="run"/>', 'status="run"><error message="exited with error code 1"/></testcase>')


class CountTestsTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR")))
        self.addCleanup(shutil.rmtree, self.folder)

    def log(self, path, text):
        folder = self.folder / "testlogs" / path
        folder.mkdir(parents=True)
        (folder / "test.xml").write_text(text)

    def count(self, output, checks=None):
        (self.folder / "output").write_text(output)
        arguments = [str(self.folder / "testlogs"), str(self.folder / "output")]
        if checks is not None:
            (self.folder / "checks").write_text(checks)
            arguments.append(str(self.folder / "checks"))
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = count_tests.main(arguments)
        return code, printed.getvalue().splitlines()

    def test_counts_the_cases_of_googletest(self):
        self.log("base/flags_test", GTEST)
        code, lines = self.count("//base:flags_test       FAILED in 0.1s\n  /some/test.log\n")
        self.assertEqual(code, 1)
        self.assertEqual(
            lines,
            [
                "skipped (GROUPPOSE_TEST_DATA is not set): //base:flags_test Flags.NeedsData",
                "skipped (disabled): //base:flags_test Flags.DISABLED_Later",
                "FAILED //base:flags_test Flags.Refuses: Expected equality of these values:",
                "1 passed, 1 failed, 2 skipped",
            ],
        )

    def test_counts_cached_and_sharded_targets(self):
        self.log("tools/lint/format_test", SHELL_PASSED)
        self.log("eval/large_test/shard_1_of_2", SHELL_PASSED)
        self.log("eval/large_test/shard_2_of_2", SHELL_PASSED)
        code, lines = self.count(
            "//tools/lint:format_test   \x1b[0m(cached) \x1b[32mPASSED\x1b[0m in 0.1s\n//eval:large_test PASSED in 3s\n"
        )
        self.assertEqual((code, lines), (0, ["3 passed, 0 failed, 0 skipped"]))

    def test_leaves_out_what_an_earlier_run_left(self):
        self.log("base/flags_test", GTEST)
        self.log("tools/lint/format_test", SHELL_PASSED)
        code, lines = self.count("//tools/lint:format_test PASSED in 0.1s\n")
        self.assertEqual((code, lines), (0, ["1 passed, 0 failed, 0 skipped"]))

    def test_a_failed_target_counts_even_without_a_failed_case(self):
        self.log("a/crash_test", SHELL_PASSED)
        self.log("a/broken_test", SHELL_FAILED)
        self.log("a/stale_test", SHELL_PASSED)
        code, lines = self.count(
            "//a:crash_test TIMEOUT in 60.0s\n//a:broken_test FAILED in 0.1s\n"
            "//a:stale_test FAILED TO BUILD\n//a:never_test NO STATUS\n"
        )
        self.assertEqual(code, 1)
        self.assertEqual(
            lines,
            [
                "FAILED //a:broken_test tools/lint/format_test: exited with error code 1",
                "FAILED //a:crash_test: timeout",
                "FAILED //a:never_test: no status",
                "FAILED //a:stale_test: failed to build",
                "1 passed, 4 failed, 0 skipped",
            ],
        )

    def test_adds_the_python_checks(self):
        self.log("tools/lint/format_test", SHELL_PASSED)
        output = "//tools/lint:format_test PASSED in 0.1s\n"
        code, lines = self.count(output, "ok one\nFAIL two\n1 passed, 1 failed, 0 skipped\n")
        self.assertEqual(code, 1)
        self.assertEqual(lines, ["FAILED tools/python_checks.sh two", "2 passed, 1 failed, 0 skipped"])
        code, lines = self.count(output, "ok one\nTraceback\n")
        self.assertEqual((code, lines[-1]), (1, "1 passed, 1 failed, 0 skipped"))

    def test_no_test_is_a_failure(self):
        code, lines = self.count("ERROR: No test targets were found, yet testing was requested\n")
        self.assertEqual((code, lines), (1, ["no test ran", "0 passed, 0 failed, 0 skipped"]))


if __name__ == "__main__":
    unittest.main()
