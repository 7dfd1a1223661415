#!/usr/bin/env python3
"""Runs tools/gpu/run.sh with stand-ins for nvcc, g++ and a Python that has torch: what it asks for, and what it compiles."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path("tools/gpu/run.sh").absolute()
TREE = SCRIPT.parents[2]


def run(*arguments, **environment):
    environment = dict(os.environ, **environment)
    return subprocess.run([str(SCRIPT), *arguments], env=environment, capture_output=True, text=True, check=False)


class RunTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.folder / "bin").mkdir()
        self.calls = self.folder / "calls"

    def stand_in(self, name, says=""):
        path = self.folder / "bin" / name
        path.write_text("#!/bin/sh\necho \"%s $*\" >> %s\n%s\n" % (name, self.calls, says), encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    def compiled(self):
        words = self.calls.read_text(encoding="utf-8").split()
        return {after for word, after in zip(words, words[1:]) if word == "-c" and after.endswith((".cc", ".cu"))}

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

    def test_a_compilation_that_fails_ends_it(self):
        tools = dict(NVCC=self.stand_in("nvcc", "exit 3"), CXX=self.stand_in("g++"))
        self.assertEqual(run("--build_only", "--without_torch", **tools).returncode, 1)

    def test_compiles_the_kernels_and_the_glue_of_every_operator(self):
        says = 'case "$*" in *__version__*) echo /torch 2.11.0+cu130 ;; *) echo /cuda/libcudart.so.13 ;; esac'
        tools = dict(NVCC=self.stand_in("nvcc"), CXX=self.stand_in("g++"), PYTHON=self.stand_in("python3", says))
        output = "--output=%s" % (self.folder / "built")
        result = run("--build_only", output, ARCHITECTURE="120", **tools)
        self.assertEqual(result.returncode, 0, result.stderr)
        wanted = [*TREE.glob("ops/*/*_cuda.cu"), *TREE.glob("ops/*/*_cuda_operator.cc")]
        self.assertGreater(len(wanted), 1)
        self.assertLessEqual({str(path.relative_to(TREE)) for path in wanted}, self.compiled())
        self.assertIn("-gencode=arch=compute_120,code=sm_120", self.calls.read_text(encoding="utf-8").split())

    def test_the_worst_exit_code_counts_and_rows_make_a_table(self):
        # what nvcc links is a program that prints a row
        link = (
            'out=; for word; do [ "$last" = -o ] && out=$word; last=$word; done\n'
            'case "$*" in *" -c "*) exit 0 ;; esac\n'
            'case "$*" in *-o*) printf "#!/bin/sh\\necho \\"| row |\\"\\nexit $CODE\\n" > "$out"; chmod +x "$out" ;; esac'
        )
        tools = dict(NVCC=self.stand_in("nvcc", link), CXX=self.stand_in("g++"))
        for code in (0, 1, 77):
            result = run("--without_torch", CODE=str(code), **tools)
            self.assertEqual(result.returncode, code, result.stderr)
            self.assertEqual("| row |" in result.stdout, code != 77)


if __name__ == "__main__":
    unittest.main()
