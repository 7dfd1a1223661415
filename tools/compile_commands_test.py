#!/usr/bin/env python3
"""Tests of compile_commands.py with commands as Bazel writes them, read by the locked clang-tidy.

  compile_commands_test.py CLANG_TIDY
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CLANG_TIDY = os.path.abspath(sys.argv.pop(1))

spec = importlib.util.spec_from_file_location("compile_commands", Path("tools/compile_commands.py").absolute())
compile_commands = importlib.util.module_from_spec(spec)
spec.loader.exec_module(compile_commands)

GENERATED = "bazel-out/k8-opt/bin"


def action(source: str, *options: str) -> dict:
    """As `bazel aquery --output=jsonproto` has it, for g++ of this tree."""
    output = "%s/_objs/%s.pic.o" % (GENERATED, source)
    return {
        "mnemonic": "CppCompile",
        "arguments": ["/usr/bin/gcc", "-Wall", "-Wno-free-nonheap-object", "-std=c++17", "-MD", "-MF", output + ".d"]
        + ["-frandom-seed=" + output, "-iquote", ".", "-iquote", GENERATED, "-iquote", "external/foo"]
        + ["-isystem", "external/foo/include", *options, "-fno-canonical-system-headers", "-c", source, "-o", output],
    }


class CompileCommandsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name, "tree")
        self.base = Path(folder.name, "base")
        self.execution_root = self.base / "execroot"
        self.file(self.root / "a/b.h", "#include <foo.h>\n")
        self.file(self.root / "a/b.cc", '#include "a/b.h"\n#include "a/c.pb.h"\nint b = FOO + C;\n')
        self.file(self.base / "external/foo/include/foo.h", "#define FOO 0\n")

    def file(self, path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def entries(self, *actions):
        return compile_commands.entries(actions, str(self.root), str(self.base), str(self.execution_root))

    def test_one_entry_a_source_of_ours(self):
        actions = [action("a/b.cc", "-DFIRST"), action("external/foo/foo.cc"), action("a/a.cc"), action("a/b.cc")]
        actions += [action(GENERATED + "/a/c.pb.cc"), {"mnemonic": "CppCompile"}]
        entries = self.entries(*actions)
        self.assertEqual([entry["file"] for entry in entries], ["a/a.cc", "a/b.cc"])
        self.assertIn("-DFIRST", entries[1]["arguments"])
        self.assertEqual({entry["directory"] for entry in entries}, {str(self.root)})

    def test_only_what_a_reader_needs_is_kept(self):
        (entry,) = self.entries(action("a/b.cc", "-Iexternal/foo/more", "-DX=external/foo"))
        text = " ".join(entry["arguments"])
        for gone in ("-MD", "-MF", ".d ", "-frandom-seed", "-fno-canonical-system-headers"):
            self.assertNotIn(gone, text)
        self.assertIn("-I%s/external/foo/more" % self.base, text)
        self.assertIn("-iquote . -iquote %s/%s" % (self.execution_root, GENERATED), text)
        self.assertIn("-DX=external/foo", text)

    def test_says_which_folders_are_not_there(self):
        # the generated ones are made by a build, or never
        self.assertEqual(compile_commands.missing_folders(self.entries(action("a/b.cc"))), [])
        entries = self.entries(action("a/b.cc", "-isystem", "external/gone"))
        self.assertEqual(compile_commands.missing_folders(entries), [str(self.base / "external/gone")])

    def test_clang_tidy_finds_every_header(self):
        entries = self.entries(action("a/b.cc"))
        (self.root / "compile_commands.json").write_text(json.dumps(entries))
        command = [CLANG_TIDY, "--quiet", "--config={Checks: '-*,modernize-use-nullptr'}", "-p", str(self.root), "a/b.cc"]
        result = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)
        self.assertIn("'a/c.pb.h' file not found", result.stdout)
        self.file(self.execution_root / GENERATED / "a/c.pb.h", "#define C 0\n")
        result = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)
        self.assertEqual((result.returncode, result.stdout.count("error")), (0, 0), result.stdout + result.stderr)


if __name__ == "__main__":
    unittest.main()
