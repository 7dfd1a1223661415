#!/usr/bin/env python3
"""Shows that what happens to be installed does not reach a build action, by planting canaries where g++ looks.

A header and a library are planted in /usr/local, and in folders that CPATH, CPLUS_INCLUDE_PATH and LIBRARY_PATH name. A
workspace of this test's own, with this tree's bazelw and .bazelrc and a Bazel server of its own, compiles and links
programs that ask for them; g++, called as a shell would call it, does the same.

  hermetic_test.py RULES_CC_FILE RULES_JAVA_FILE
"""

import contextlib
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Callable, Dict, Iterator, List

NAME = "grouppose_canary"
HEADERS = Path("/usr/local/include")
LIBRARIES = Path("/usr/local/lib")

# As bazelw says it.
NOT_SANDBOXED = "build actions are not sandboxed"

# Headers of libraries that people have installed, and the guard that each defines.
INSTALLED = {
    "absl/base/config.h": "ABSL_BASE_CONFIG_H_",
    "benchmark/benchmark.h": "BENCHMARK_BENCHMARK_H_",
    "google/protobuf/message.h": "GOOGLE_PROTOBUF_MESSAGE_H__",
    "gtest/gtest.h": "GTEST_TEST",
    "openssl/ssl.h": "OPENSSL_SSL_H",
    "png.h": "PNG_H",
    "simdjson.h": "SIMDJSON_H",
    "zlib.h": "ZLIB_H",
}

PROGRAM = "int main() { return 0; }\n"
USES_LIBRARY = 'extern "C" int %s();\nint main() { return %s(); }\n' % (NAME, NAME)

REPOSITORIES = {"rules_cc": sys.argv.pop(1), "rules_java": sys.argv.pop(1)}


@contextlib.contextmanager
def planted(path: Path, make: Callable[[Path], None]) -> Iterator[None]:
    """`make` makes a file that is there until the end of the block; skips the test where it may not be made."""
    try:
        make(path)
    except OSError as error:
        raise unittest.SkipTest("no canary may be planted: %s" % error) from error
    try:
        yield
    finally:
        path.unlink()


def compile_outside(source: Path, options: List[str], environment: Dict[str, str]) -> subprocess.CompletedProcess:
    command = ["g++", str(source), "-o", str(source.with_suffix(".out"))] + options
    environment = {"PATH": "/usr/bin:/bin", **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


class HermeticTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR")))
        cls.workspace = cls.folder / "workspace"
        cls.workspace.mkdir()
        for name in ("bazelw", ".bazelrc"):
            shutil.copy(name, cls.workspace / name)
        repositories = [(name, str(Path(file).resolve().parent)) for name, file in REPOSITORIES.items()]
        lines = ["local_repository(name = %r, path = %r)\n" % repository for repository in repositories]
        (cls.workspace / "WORKSPACE").write_text("".join(lines))

        # one compiled archive for all canaries
        (cls.folder / "canary.c").write_text("int %s(void) { return 0; }\n" % NAME)
        subprocess.run(["gcc", "-c", "canary.c"], cwd=cls.folder, check=True)
        subprocess.run(["ar", "rc", "canary.a", "canary.o"], cwd=cls.folder, check=True)

    @classmethod
    def tearDownClass(cls):
        cls.bazel("shutdown")
        shutil.rmtree(cls.folder, ignore_errors=True)

    @classmethod
    def bazel(cls, *arguments, **environment) -> str:
        """What ./bazelw said, results of earlier runs being no answer."""
        base = "--output_base=%s" % (cls.folder / "base")
        environment = dict(os.environ, HOME=pwd.getpwuid(os.getuid()).pw_dir, **environment)
        environment.pop("TEST_TMPDIR", None)
        result = subprocess.run(
            [str(cls.workspace / "bazelw"), base, *arguments],
            cwd=cls.workspace,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return result.stdout + result.stderr

    def build(self, rules: List[str], **environment) -> str:
        (self.workspace / "BUILD").write_text("\n".join(rules))
        options = ["--disk_cache=", "--color=no", "--curses=no", "--show_result=10"]
        said = self.bazel("build", *options, "//:all", **environment)
        if NOT_SANDBOXED in said:
            self.skipTest("user namespaces are off here, so build actions are not sandboxed")
        return said

    def make_library(self, path: Path) -> None:
        shutil.copy(self.folder / "canary.a", path)

    def check_unseen(self, environment: Dict[str, str]) -> None:
        """The planted header and library are found outside, and not by the same compilation as a build action."""
        programs = {
            "header": ("#include <%s.h>\n" % NAME + PROGRAM, []),
            "library": (USES_LIBRARY, ["-l" + NAME]),
            "neither": (PROGRAM, []),
        }
        rules = []
        for name, (text, options) in programs.items():
            source = self.workspace / (name + ".cc")
            source.write_text(text)
            rules.append("cc_binary(name = %r, srcs = [%r], linkopts = %r)" % (name, source.name, options))
            outside = compile_outside(source, options, environment)
            self.assertEqual(outside.returncode, 0, "not found outside, so nothing is shown:\n" + outside.stderr)

        said = self.build(rules, **environment)
        self.assertRegex(said, r"fatal error: %s\.h: No such file" % NAME)
        self.assertRegex(said, r"cannot find -l%s\b" % NAME)
        # and nothing else is wrong
        self.assertIn("Target //:neither up-to-date", said)

    def test_what_lies_in_usr_local_is_not_found(self):
        header, library = HEADERS / (NAME + ".h"), LIBRARIES / ("lib%s.a" % NAME)
        with planted(header, Path.touch), planted(library, self.make_library):
            self.check_unseen({})

    def test_what_the_environment_names_is_not_found(self):
        place = self.folder / "place"
        place.mkdir()
        (place / (NAME + ".h")).touch()
        self.make_library(place / ("lib%s.a" % NAME))
        for variable in ("CPATH", "CPLUS_INCLUDE_PATH"):
            with self.subTest(variable):
                self.check_unseen({variable: str(place), "LIBRARY_PATH": str(place)})

    def test_headers_of_installed_libraries_are_not_found(self):
        headers = [name for name in INSTALLED if Path("/usr/include", name).exists()]
        if not headers:
            self.skipTest("no library's headers are installed here")
        rules = []
        for header in headers:
            # a header that is a file of /usr/include itself is hidden as an empty file, a folder as an empty folder
            source = self.workspace / (INSTALLED[header] + ".cc")
            include = "#if __has_include(<{0}>)\n#include <{0}>\n#endif\n".format(header)
            source.write_text(include + "#ifdef %s\n#error found\n#endif\n" % INSTALLED[header])
            rules.append("cc_library(name = %r, srcs = [%r])" % (INSTALLED[header], source.name))
            outside = compile_outside(source, ["-c"], {})
            self.assertIn("#error found", outside.stderr, "not found outside, so nothing is shown")
        said = self.build(rules)
        for header in headers:
            self.assertIn("Target //:%s up-to-date" % INSTALLED[header], said, "%s is seen: %s" % (header, said))

    def test_an_action_has_no_network_and_none_of_the_users_variables(self):
        rule = "genrule(name = 'look', outs = ['seen'], cmd = 'cat /proc/net/dev > $@; env >> $@; ls -A /usr/local >> $@')"
        said = self.build([rule], GROUPPOSE_CANARY="seen by mistake")
        self.assertIn("Target //:look up-to-date", said)
        folder = re.search("^/.*$", self.bazel("info", "bazel-bin"), re.MULTILINE).group()
        seen = Path(folder, "seen").read_text()
        self.assertEqual(re.findall(r"^ *(\w+):", seen, re.MULTILINE), ["lo"])
        self.assertNotIn("GROUPPOSE_CANARY", seen)
        self.assertIn("PATH=/bin:/usr/bin", seen)
        # the last that `env` says; /usr/local is empty
        self.assertRegex(seen.splitlines()[-1], "=")


def main() -> int:
    program = unittest.main(exit=False)
    # with the reasons of those skipped, which Bazel's own test.xml would not have
    suite = ElementTree.Element("testsuite", name="hermetic_test")
    problems, skipped = program.result.failures + program.result.errors, dict(program.result.skipped)
    for test in unittest.defaultTestLoader.loadTestsFromTestCase(HermeticTest):
        case = ElementTree.SubElement(suite, "testcase", name=test.id().split(".")[-1])
        for tag, found in (("failure", dict(problems)), ("skipped", skipped)):
            if test in found:
                ElementTree.SubElement(case, tag, message=found[test])
    if "XML_OUTPUT_FILE" in os.environ:
        ElementTree.ElementTree(suite).write(os.environ["XML_OUTPUT_FILE"])
    return 0 if program.result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
