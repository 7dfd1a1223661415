#!/usr/bin/env python3
"""Tests of fetch.py with stand-ins for apt-get and pip: no network, a cache of its own."""

import hashlib
import multiprocessing.pool
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

HERE = Path(__file__).absolute().parent

# Serves the files of $REGISTRY the way the clients do, and counts what it is asked for.
APT = """#!/bin/sh
for last; do :; done
name=${last%%=*}
case " $* " in
  *" update "*) exit 0 ;;
  *" madison "*) ls "$REGISTRY" | sed -n "s/^\\($last\\)_\\(.*\\)_all.deb/ \\1 | \\2 | mirror/p"; exit 0 ;;
esac
echo "$last" >> "$REGISTRY/../asked"
[ -z "$OFFLINE" ] || { echo "E: Temporary failure resolving" >&2; exit 100; }
case $last in *=*) want=${name}_${last#*=}_all.deb ;; *) want=$(ls "$REGISTRY" | grep "^${name}_" | tail -n 1) ;; esac
[ -f "$REGISTRY/$want" ] || { echo "E: Version '${last#*=}' for '$name' was not found" >&2; exit 100; }
sleep 0.3
cp "$REGISTRY/$want" .
"""

PIP = """#!/bin/sh
for last; do :; done
name=${last%%=*}
echo "$last" >> "$REGISTRY/../asked"
versions=$(ls "$REGISTRY" | sed -n "s/^$name-\\([0-9.]*\\)-py3-none-any.whl/\\1/p")
case $last in *==*) want=${last#*==} ;; *) want=$(echo "$versions" | tail -n 1) ;; esac
if [ ! -f "$REGISTRY/$name-$want-py3-none-any.whl" ]; then
  offered=$(echo $versions | sed 's/ /, /g')
  echo "ERROR: Could not find a version that satisfies the requirement $last (from versions: ${offered:-none})" >&2
  exit 1
fi
cp "$REGISTRY/$name-$want-py3-none-any.whl" .
"""


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


class FetchTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR")))
        self.addCleanup(shutil.rmtree, self.folder)
        # a tree of its own, so that a refresh writes no lock of the repository's
        self.tree = self.folder / "tree" / "third_party"
        (self.tree / "bazel").mkdir(parents=True)
        for name in ("fetch.py", "sdist_build_meta.py"):
            shutil.copyfile(HERE / name, self.tree / "bazel" / name)
        self.registry = self.folder / "registry"
        self.registry.mkdir()
        programs = self.folder / "bin"
        programs.mkdir()
        for name, text in (("apt-get", APT), ("apt-cache", APT), ("pip", PIP)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        # `python3 -m pip` is the stand-in too; everything else is the real Python
        python = programs / "python3"
        python.write_text('#!/bin/sh\n[ "$1 $2" != "-m pip" ] || exec pip "$@"\nexec %s "$@"\n' % sys.executable)
        python.chmod(0o755)
        self.environment = dict(
            os.environ,
            HOME=str(self.folder),
            PATH="%s:/usr/bin:/bin" % programs,
            REGISTRY=str(self.registry),
            XDG_CACHE_HOME=str(self.folder / "cache"),
        )
        self.environment.pop("GROUPPOSE_ALLOW_NEWER", None)

    # ---- what the stand-in registries hold

    def deb(self, name, version):
        content = self.folder / "content"
        (content / "DEBIAN").mkdir(parents=True)
        (content / "usr").mkdir()
        (content / "usr" / name).write_text(version)
        control = "Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: x\nDescription: x\n" % (name, version)
        (content / "DEBIAN" / "control").write_text(control)
        path = self.registry / ("%s_%s_all.deb" % (name, version))
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", content, path], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(content)
        return path

    def wheel(self, name, version):
        path = self.registry / ("%s-%s-py3-none-any.whl" % (name, version))
        with zipfile.ZipFile(path, "w") as archive:
            program = zipfile.ZipInfo("bin/" + name)
            program.external_attr = 0o100755 << 16
            archive.writestr(program, version)
            archive.writestr("data/text", version)
        return path

    def lock(self, project, *rows):
        path = self.tree / project / (project + ".lock")
        path.parent.mkdir(exist_ok=True)
        path.write_text("# a comment\n" + "".join(" ".join(row) + "\n" for row in rows))
        return path

    def fetch(self, *arguments, **environment):
        command = [sys.executable, str(self.tree / "bazel" / "fetch.py"), *map(str, arguments)]
        return subprocess.run(
            command, env=dict(self.environment, **environment), capture_output=True, text=True, check=False
        )

    def unpack(self, lock, **environment):
        target = Path(tempfile.mkdtemp(dir=self.folder))
        return self.fetch("unpack", lock, target, **environment), target

    def asked(self):
        path = self.folder / "asked"
        return path.read_text().split() if path.exists() else []

    # ---- unpack

    def test_unpacks_a_deb_and_a_wheel(self):
        deb, wheel = self.deb("hammer", "1.0-1"), self.wheel("saw", "2.0")
        lock = self.lock(
            "both", ["hammer", "1.0-1", "all", sha256(deb)], ["saw", "2.0", wheel.name, sha256(wheel), "keep"]
        )
        result, target = self.unpack(lock)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        self.assertEqual((target / "usr" / "hammer").read_text(), "1.0-1")
        self.assertEqual((target / "bin" / "saw").read_text(), "2.0")
        self.assertEqual(stat.S_IMODE((target / "bin" / "saw").stat().st_mode), 0o755)
        self.assertEqual(stat.S_IMODE((target / "data" / "text").stat().st_mode), 0o644)

    def test_a_second_unpack_asks_nobody(self):
        deb = self.deb("hammer", "1.0-1")
        lock = self.lock("hammer", ["hammer", "1.0-1", "all", sha256(deb)])
        self.assertEqual(self.unpack(lock)[0].returncode, 0)
        self.assertEqual(self.asked(), ["hammer=1.0-1"])
        result, target = self.unpack(lock, OFFLINE="1")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue((target / "usr" / "hammer").exists())
        self.assertEqual(self.asked(), ["hammer=1.0-1"])

    def test_two_at_once_fetch_once(self):
        deb = self.deb("hammer", "1.0-1")
        lock = self.lock("hammer", ["hammer", "1.0-1", "all", sha256(deb)])
        with multiprocessing.pool.ThreadPool(4) as pool:
            results = pool.map(lambda _: self.unpack(lock)[0].returncode, range(4))
        self.assertEqual(results, [0] * 4)
        self.assertEqual(self.asked(), ["hammer=1.0-1"])

    def test_a_damaged_file_is_fetched_again(self):
        deb = self.deb("hammer", "1.0-1")
        lock = self.lock("hammer", ["hammer", "1.0-1", "all", sha256(deb)])
        self.unpack(lock)
        (kept,) = (self.folder / "cache" / "grouppose" / "fetched").glob("*/*.deb")
        kept.chmod(0o644)
        kept.write_text("damaged")
        result, target = self.unpack(lock)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("damaged", result.stdout)
        self.assertEqual((target / "usr" / "hammer").read_text(), "1.0-1")

    def test_a_wrong_hash_is_refused_and_not_kept(self):
        deb = self.deb("hammer", "1.0-1")
        lock = self.lock("hammer", ["hammer", "1.0-1", "all", "0" * 64])
        result, target = self.unpack(lock)
        self.assertEqual(result.returncode, 1)
        self.assertIn("has SHA-256 %s, expected %s" % (sha256(deb), "0" * 64), result.stderr)
        self.assertEqual(list(target.iterdir()), [])
        self.assertEqual(list((self.folder / "cache" / "grouppose" / "fetched").iterdir()), [])

    def test_a_gone_version_names_the_command(self):
        self.deb("hammer", "1.0-2")
        self.wheel("saw", "2.1")
        for project, row, has in (
            ("hammer", ["hammer", "1.0-1", "all", "0" * 64], "1.0-2"),
            ("saw", ["saw", "2.0", "saw-2.0-py3-none-any.whl", "0" * 64], "2.1"),
        ):
            result, _ = self.unpack(self.lock(project, row))
            self.assertEqual(result.returncode, 1)
            self.assertRegex(
                result.stderr,
                r"^third_party/%s/%s.lock: %s %s is gone from the registry, which has %s\n"
                % (project, project, project, re.escape(row[1]), re.escape(has)),
            )
            self.assertIn("third_party/refresh %s\n" % project, result.stderr)
            self.assertIn("GROUPPOSE_ALLOW_NEWER=1", result.stderr)

    def test_allow_newer_takes_the_current_version_and_says_so(self):
        self.deb("hammer", "1.0-2")
        self.wheel("saw", "2.1")
        lock = self.lock(
            "both", ["hammer", "1.0-1", "all", "0" * 64], ["saw", "2.0", "saw-2.0-py3-none-any.whl", "0" * 64]
        )
        before = lock.read_text()
        result, target = self.unpack(lock, GROUPPOSE_ALLOW_NEWER="1")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("hammer 1.0-1 is gone from the registry; using hammer_1.0-2_all.deb", result.stdout)
        self.assertIn("saw 2.0 is gone from the registry; using saw-2.1-py3-none-any.whl", result.stdout)
        self.assertEqual((target / "usr" / "hammer").read_text(), "1.0-2")
        self.assertEqual((target / "bin" / "saw").read_text(), "2.1")
        self.assertEqual(lock.read_text(), before)

    def test_no_network_is_not_called_gone(self):
        self.deb("hammer", "1.0-1")
        lock = self.lock("hammer", ["hammer", "1.0-1", "all", "0" * 64])
        result, _ = self.unpack(lock, OFFLINE="1", GROUPPOSE_ALLOW_NEWER="1")
        self.assertEqual(result.returncode, 1)
        self.assertIn("Temporary failure resolving", result.stderr)
        self.assertNotIn("gone", result.stderr)

    def test_a_bad_line_is_named(self):
        lock = self.lock("hammer", ["hammer", "1.0-1", "all"])
        result, _ = self.unpack(lock)
        self.assertEqual(result.returncode, 1)
        self.assertIn("third_party/hammer/hammer.lock:2: found 'hammer 1.0-1 all', expected NAME VERSION", result.stderr)

    # ---- refresh

    def test_refresh_locks_what_the_registry_has(self):
        deb, wheel, kept = self.deb("hammer", "1.0-2"), self.wheel("saw", "2.1"), self.wheel("plane", "3.0")
        self.wheel("plane", "3.1")
        lock = self.lock(
            "tools",
            ["hammer", "1.0-1", "all", "0" * 64, "# why this one"],
            ["saw", "2.0", "saw-2.0-py3-none-any.whl", "0" * 64],
            ["plane", "3.0", kept.name, sha256(kept), "keep"],
        )
        result = self.fetch("refresh", "tools")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(
            lock.read_text(),
            "# a comment\nhammer 1.0-2 all %s # why this one\nsaw 2.1 %s %s\nplane 3.0 %s %s keep\n"
            % (sha256(deb), wheel.name, sha256(wheel), kept.name, sha256(kept)),
        )
        # what it fetched is in the store already
        asked = self.asked()
        self.assertEqual(self.unpack(lock)[0].returncode, 0)
        self.assertEqual(self.asked(), asked)

    def test_refresh_moves_a_kept_version_that_is_gone(self):
        wheel = self.wheel("plane", "3.1")
        lock = self.lock("plane", ["plane", "3.0", "plane-3.0-py3-none-any.whl", "0" * 64, "keep"])
        self.assertEqual(self.fetch("refresh", "plane").returncode, 0)
        self.assertIn("plane 3.1 %s %s keep" % (wheel.name, sha256(wheel)), lock.read_text())

    def test_refresh_of_an_unknown_project_lists_the_known(self):
        self.lock("hammer")
        result = self.fetch("refresh", "hamer")
        self.assertEqual(result.returncode, 2)
        self.assertIn("'hamer'; there are hammer", result.stderr)


if __name__ == "__main__":
    unittest.main()
