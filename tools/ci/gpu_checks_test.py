#!/usr/bin/env python3
"""Runs tools/gpu_checks.sh with stand-ins for nvcc, g++ and a Python that has torch: what it asks for, and what it compiles."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

# the tree itself, not the links that a test runs among
ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tools" / "gpu_checks.sh"
# no part of the library
APART = ("_test.cc", "_benchmark.cc", "_reference.cc", "_composition.cc", "_emulator.cc")


def run(*arguments, **environment):
    environment = dict(os.environ, **environment)
    return subprocess.run([str(SCRIPT), *arguments], env=environment, capture_output=True, text=True, check=False)


class GpuChecksTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.folder / "bin").mkdir()
        self.calls = self.folder / "calls"

    def stand_in(self, name, says=""):
        path = self.folder / "bin" / name
        path.write_text("#!/bin/sh\necho \"%s $*\" >> %s\n%s\n" % (name, self.calls, says), encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    def test_help_says_what_it_needs(self):
        result = run("--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("nvcc", result.stdout)

    def test_unknown_arguments_and_missing_compilers_are_refused(self):
        self.assertEqual(run("--bild_only").returncode, 2)
        result = run("--build_only", NVCC="/nowhere/nvcc")
        self.assertEqual(result.returncode, 2)
        self.assertIn("/nowhere/nvcc", result.stderr)

    def test_a_python_without_torch_is_refused(self):
        tools = dict(NVCC=self.stand_in("nvcc"), CXX=self.stand_in("g++"))
        result = run("--build_only", PYTHON=self.stand_in("python3", "exit 1"), **tools)
        self.assertEqual(result.returncode, 2)
        self.assertIn("has no torch", result.stderr)

    def test_compiles_every_source_of_the_operators(self):
        says = 'case "$*" in *get_device_capability*) echo /torch 2.11.0+cu130 120 ;; *) echo /cuda/libcudart.so.13 ;; esac'
        tools = dict(NVCC=self.stand_in("nvcc"), CXX=self.stand_in("g++"), PYTHON=self.stand_in("python3", says))
        result = run("--build_only", "--output=%s" % (self.folder / "built"), **tools)
        self.assertEqual(result.returncode, 0, result.stderr)
        words = self.calls.read_text(encoding="utf-8").split()
        compiled = {after for word, after in zip(words, words[1:]) if word == "-c" and after.endswith((".cc", ".cu"))}
        sources = {str(path.relative_to(ROOT)) for path in ROOT.glob("ops/*/*.c[cu]") if not path.name.endswith(APART)}
        self.assertEqual(compiled, sources)
        self.assertIn("-gencode=arch=compute_120,code=sm_120", words)


if __name__ == "__main__":
    unittest.main()
