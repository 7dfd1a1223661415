#!/usr/bin/env python3
"""Tests of bazelw with stand-ins for bazel, apt-get, id, sudo and unshare."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

BAZELW = Path("bazelw").absolute()

# Prints each argument on a line of its own, the rc file's options too, and exits with $CODE.
BAZEL = """#!/bin/bash
[ "$*" != --version ] || { echo "bazel ${VERSION-no_version}"; exit; }
printf '[%s]\\n' "$@"
cat "${1#--bazelrc=}"
echo "leaks=${CPATH-}${CPLUS_INCLUDE_PATH-}${LIBRARY_PATH-}${BAZEL_CXXOPTS-}"
echo "data=$GROUPPOSE_TEST_DATA"
exit ${CODE-0}
"""


class BazelwTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR")))
        self.addCleanup(shutil.rmtree, self.folder)
        self.programs = self.folder / "bin"
        self.programs.mkdir()
        # nothing of the machine's but what bazelw names: no bazel that happens to be installed
        for name in "awk bash cat cksum comm dirname env head mkdir mv realpath sed sort tr xargs".split():
            (self.programs / name).symlink_to(shutil.which(name))
        self.program("bazel", BAZEL)
        self.program("unshare", "#!/bin/bash\nexit 0\n")
        self.program("g++", "#!/bin/bash\n[ $1 = -dumpversion ] && echo 12 || echo g++ 12.2.0\n")
        self.program("id", "#!/bin/bash\necho ${ID-0}\n")
        self.clone = self.folder / "a clone" / "tree"
        self.clone.mkdir(parents=True)
        shutil.copy(BAZELW, self.clone / "bazelw")

    def program(self, name, text):
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def run_bazelw(self, *arguments, **environment):
        standard = dict(PATH=str(self.programs), HOME=str(self.folder / "home"), GROUPPOSE_CXX=str(self.programs / "g++"))
        environment = {**standard, **environment}
        return subprocess.run(
            [str(self.clone / "bazelw"), *arguments], env=environment, capture_output=True, text=True, check=False
        )

    def test_passes_every_argument_and_the_exit_code(self):
        arguments = ["--output_base", "/some where", "run", "-k", "//a:b", "--", "--set", "x=1 2", "", "--"]
        result = self.run_bazelw(*arguments, CODE="37")
        self.assertEqual((result.returncode, result.stderr), (37, ""))
        lines = result.stdout.splitlines()
        self.assertTrue(lines[0].startswith("[--bazelrc="))
        self.assertEqual(lines[1 : 1 + len(arguments)], ["[%s]" % argument for argument in arguments])

    def test_results_are_kept_in_the_users_cache(self):
        home = self.folder / "home"
        self.assertIn("build --disk_cache=%s/.cache/grouppose/disk\n" % home, self.run_bazelw("test").stdout)
        result = self.run_bazelw("test", XDG_CACHE_HOME="/%s/other" % self.folder)
        self.assertIn("build --disk_cache=/%s/other/grouppose/disk\n" % self.folder, result.stdout)

    def test_says_when_nothing_is_sandboxed(self):
        self.program("unshare", "#!/bin/bash\nexit 1\n")
        result = self.run_bazelw("build")
        self.assertEqual(len(result.stderr.splitlines()), 1)
        self.assertIn("bazelw: user namespaces are off here: build actions are not sandboxed", result.stderr)
        self.assertIn("build --spawn_strategy=local\n", result.stdout)
        self.assertNotIn("sandbox_block_path", result.stdout)
        # and notices when they are back
        self.program("unshare", "#!/bin/bash\nexit 0\n")
        self.assertNotIn("spawn_strategy", self.run_bazelw("build").stdout)

    def test_hides_what_is_installed(self):
        hidden = [
            line.split("=", 1)[1] for line in self.run_bazelw("build").stdout.splitlines() if "--sandbox_block_path" in line
        ]
        self.assertIn(os.path.realpath("/usr/local"), hidden)
        # each of them is there and none lies in another: Bazel mounts over them
        for path in hidden:
            self.assertEqual(os.path.realpath(path, strict=True), path)
            self.assertFalse([other for other in hidden if path.startswith(other + "/")], path)
        # the compiler's own headers stay
        for header in ("stdio.h", "linux/types.h", "x86_64-linux-gnu/sys/types.h", "c++/12/vector", "crypt.h"):
            path = os.path.realpath(os.path.join("/usr/include", header))
            self.assertFalse([other for other in hidden if (path + "/").startswith(other + "/")], header)

    def test_the_compiler_is_gcc_12(self):
        result = self.run_bazelw("build")
        self.assertIn("build --repo_env=CC=%s/gcc\n" % self.programs, result.stdout)
        self.program("g++", "#!/bin/bash\n[ $1 = -dumpversion ] && echo 14 || echo 'g++ (Debian 14.2.0-19) 14.2.0'\n")
        result = self.run_bazelw("build")
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertEqual(len(result.stderr.splitlines()), 1)
        self.assertIn("expected g++ 12 as %s/g++, found " % self.programs, result.stderr)
        self.assertIn("'g++ (Debian 14.2.0-19) 14.2.0'", result.stderr)
        self.assertIn("apt-get install g++-12", result.stderr)
        (self.programs / "g++").unlink()
        result = self.run_bazelw("build")
        self.assertEqual(result.returncode, 2)
        self.assertIn("found none", result.stderr)

    def test_nothing_meant_for_another_compilation_is_passed_on(self):
        leaks = dict(CPATH="/a", CPLUS_INCLUDE_PATH="/b", LIBRARY_PATH="/c", BAZEL_CXXOPTS="-O0")
        self.assertIn("leaks=\n", self.run_bazelw("build", **leaks).stdout)

    def test_clones_of_different_versions_do_not_share_options(self):
        first = self.run_bazelw("build").stdout.splitlines()[0]
        self.assertEqual(self.run_bazelw("build").stdout.splitlines()[0], first)
        self.program("unshare", "#!/bin/bash\nexit 1\n")
        self.assertNotEqual(self.run_bazelw("build").stdout.splitlines()[0], first)

    def test_finds_the_test_data_beside_the_clone(self):
        self.assertIn("data=\n", self.run_bazelw("test").stdout)
        (self.clone.parent / "shared" / "fixtures").mkdir(parents=True)
        self.assertIn("data=%s/shared\n" % self.clone.parent, self.run_bazelw("test").stdout)
        self.assertIn("data=/mine\n", self.run_bazelw("test", GROUPPOSE_TEST_DATA="/mine").stdout)

    def test_says_when_bazel_is_another(self):
        self.assertEqual(self.run_bazelw("build", VERSION="4.2.1").stderr, "")
        self.assertIn("Bazel 4.2; going on with bazel 8.0.0", self.run_bazelw("build", VERSION="8.0.0").stderr)

    def test_installs_bazel_where_there_is_none(self):
        (self.programs / "bazel").rename(self.folder / "bazel")
        # only `install bazel-bootstrap` brings it
        self.program(
            "apt-get",
            '#!/bin/bash\necho "apt-get $*"\n'
            'case "$*" in *install*bazel-bootstrap) mv "%s" "%s" ;; esac\n' % (self.folder / "bazel", self.programs),
        )
        result = self.run_bazelw("build", "//x")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("no 'bazel' on PATH; installing Debian's bazel-bootstrap", result.stderr)
        self.assertIn("[//x]", result.stdout)
        # what apt-get says is no result of the user's command
        self.assertNotIn("apt-get", result.stdout)

    def test_asks_for_root_where_it_cannot_install(self):
        (self.programs / "bazel").unlink()
        result = self.run_bazelw("build", ID="1000")
        self.assertEqual(result.returncode, 2)
        self.assertIn("as root, run: apt-get update && apt-get install", result.stderr)


if __name__ == "__main__":
    unittest.main()
