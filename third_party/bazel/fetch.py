#!/usr/bin/env python3
"""Fetches locked packages with the machine's own package clients, apt-get and pip, and unpacks them without root.

  fetch.py unpack LOCK FOLDER    what the repository rules run: every package of LOCK, unpacked into FOLDER
  fetch.py refresh PROJECT...    locks the versions that the registries have now (third_party/refresh calls it)

A lock file has one package a line, `#` starts a comment:
  Debian:  NAME VERSION ARCHITECTURE SHA256 [keep]
  PyPI:    NAME VERSION FILENAME     SHA256 [keep]
`keep` says that a refresh leaves this version alone as long as the registry has it.

Fetched files are kept as $XDG_CACHE_HOME/grouppose/fetched/SHA256/FILENAME, shared by all clones of a user; a client is
asked only for what is missing there. Every file's SHA-256 is checked before it is unpacked.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "grouppose"
STORE = CACHE / "fetched"
ALLOW_NEWER = "GROUPPOSE_ALLOW_NEWER"


class Failure(Exception):
    """What the user is told, in one message."""


class Mistake(Failure):
    """A failure of what the user asked for: exit code 2."""


class Gone(Exception):
    """The registry answers, but does not have this version; `current` is the one it has, where that is known."""

    def __init__(self, current: Optional[str]):
        super().__init__(current)
        self.current = current


class Package(NamedTuple):
    name: str
    version: str
    file: str  # as a lock writes it: an architecture (Debian) or a file name (PyPI)
    sha256: str
    keep: bool

    @property
    def is_debian(self) -> bool:
        return self.file in ("all", "amd64")

    @property
    def is_wheel(self) -> bool:
        return self.file.endswith(".whl")

    @property
    def filename(self) -> str:
        if self.is_debian:
            return "%s_%s_%s.deb" % (self.name, self.version.replace(":", "%3a"), self.file)
        return self.file


def shown(lock: Path) -> str:
    """A lock's name as the user types it."""
    return str(lock.relative_to(ROOT)) if ROOT in lock.parents else str(lock)


def parse(line: str, where: str) -> Optional[Package]:
    words = line.split("#")[0].split()
    if not words:
        return None
    if len(words) not in (4, 5) or words[4:] not in ([], ["keep"]) or not re.fullmatch("[0-9a-f]{64}", words[3]):
        raise Failure("%s: found '%s', expected NAME VERSION FILE SHA256 [keep]" % (where, line.strip()))
    return Package(*words[:4], keep=len(words) == 5)


def read_lock(lock: Path) -> List[Package]:
    lines = lock.read_text(encoding="utf-8").splitlines()
    parsed = [parse(line, "%s:%d" % (shown(lock), number)) for number, line in enumerate(lines, 1)]
    return [package for package in parsed if package]


# ---- the store


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def stored(filename: str, sha256: str) -> Path:
    return STORE / sha256 / filename


def adopt(path: Path, sha256: str) -> Path:
    """Moves a checked file into the store: whoever looks there sees all of it or nothing."""
    target = stored(path.name, sha256)
    target.parent.mkdir(parents=True, exist_ok=True)
    path.chmod(0o444)
    path.rename(target)
    return target


@contextlib.contextmanager
def partial_folder() -> Iterator[Path]:
    """A folder beside the store's files, so that a rename moves a file into place. Sweeps what a killed fetch left."""
    STORE.mkdir(parents=True, exist_ok=True)
    for left in STORE.glob(".partial-*"):
        if time.time() - left.stat().st_mtime > 24 * 3600:
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=STORE, prefix=".partial-") as folder:
        yield Path(folder)


@contextlib.contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Two clones that want the same files fetch them once."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / (".lock-" + name), "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# ---- the package clients


def run(command: List[str], folder: Path, environment: Optional[dict] = None) -> subprocess.CompletedProcess:
    # the clients' messages are read below, so they are asked for in English
    environment = dict(os.environ, LC_ALL="C.UTF-8", DEBIAN_FRONTEND="noninteractive", **(environment or {}))
    try:
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Failure("'%s' is needed to fetch packages and is not on PATH" % command[0]) from error


def unreachable(package: Package, result: subprocess.CompletedProcess) -> Failure:
    said = (result.stderr.strip() or result.stdout.strip()).splitlines()[-8:]
    return Failure(
        "%s %s could not be fetched: %s failed (exit %d)\n  %s"
        % (package.name, package.version, " ".join(result.args), result.returncode, "\n  ".join(said))
    )


def private_apt_lists() -> List[str]:
    """apt options for package lists of our own: the machine's may be absent or old, and updating those needs root."""
    lists = CACHE / "apt" / "lists"
    options = ["-o", "Dir::State::Lists=%s" % lists, "-o", "Dir::Cache=%s" % (CACHE / "apt"), "-o", "APT::Sandbox::User=root"]
    with one_at_a_time("apt"):
        updated = CACHE / "apt" / "updated"
        # ten minutes: a cold build asks for a dozen projects and should update once
        if not updated.exists() or time.time() - updated.stat().st_mtime > 600:
            (lists / "partial").mkdir(parents=True, exist_ok=True)
            # one broken source of the machine's is no reason to stop: the download decides
            if run(["apt-get", "-q", *options, "update"], CACHE).returncode == 0:
                updated.touch()
    return options


def download_debian(package: Package, version: Optional[str], folder: Path) -> Path:
    spec = "%s=%s" % (package.name, version) if version else package.name
    base = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "-o", "Dpkg::Use-Pty=0"]
    # the machine's own lists will do for a version that they know
    if not version or run([*base, "download", spec], folder).returncode != 0:
        options = private_apt_lists()
        result = run([*base, *options, "download", spec], folder)
        if result.returncode != 0:
            known = run(["apt-cache", *options, "madison", package.name], folder).stdout.splitlines()
            versions = [line.split("|")[1].strip() for line in known]
            if version and versions and version not in versions:
                raise Gone(versions[0])
            raise unreachable(package, result)
    (file,) = folder.glob("*.deb")
    return file


# pip takes platform tags literally: a wheel for an older glibc must be listed too.
PLATFORMS = ["manylinux_2_%d_x86_64" % minor for minor in range(28, 4, -1)] + [
    "manylinux2014_x86_64",
    "manylinux2010_x86_64",
    "manylinux1_x86_64",
]

# The wheels' C++ libraries are used, never their Python modules: one version, whatever Python runs this.
WHEELS = (
    ["--only-binary=:all:", "--implementation=cp", "--python-version=3.11", "--abi=cp311", "--abi=abi3", "--abi=none"]
    + ["--platform=" + platform for platform in PLATFORMS]
)


def download_pypi(package: Package, version: Optional[str], folder: Path) -> Path:
    spec = "%s==%s" % (package.name, version) if version else package.name
    pip = ["python3", "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check", "--no-cache-dir"]
    with tempfile.TemporaryDirectory() as stand_in:
        if package.is_wheel:
            result = run([*pip, *WHEELS, "--dest=.", spec], folder)
        else:
            # `pip download` insists on a source package's metadata. A stand-in for setuptools reads them from
            # PKG-INFO, so that nothing of the package runs and no build requirement is fetched.
            setuptools = Path(stand_in) / "setuptools"
            setuptools.mkdir()
            (setuptools / "__init__.py").touch()
            shutil.copyfile(Path(__file__).with_name("sdist_build_meta.py"), setuptools / "build_meta.py")
            options = ["--no-binary=:all:", "--no-build-isolation", "--dest=."]
            result = run([*pip, *options, spec], folder, {"PYTHONPATH": stand_in})
    if result.returncode != 0:
        offered = re.search(r"\(from versions: ([^)]*)\)", result.stderr)
        versions = [v for v in offered.group(1).split(", ") if re.fullmatch(r"[0-9.]+", v)] if offered else []
        if version and versions:
            raise Gone(versions[-1])
        raise unreachable(package, result)
    (file,) = folder.iterdir()
    if version and file.name != package.filename and version == package.version:
        # this version is there, but no longer as the locked file
        raise Gone("%s as %s" % (version, file.name))
    return file


def download(package: Package, version: Optional[str], folder: Path) -> Path:
    """Fetches `version`, or the registry's current one, into an empty folder."""
    return (download_debian if package.is_debian else download_pypi)(package, version, folder)


# ---- unpack


def obtain(package: Package, lock: Path) -> Path:
    """The package's file in the store, fetched where it is missing."""
    kept = stored(package.filename, package.sha256)
    if kept.exists():
        if sha256_of(kept) == package.sha256:
            return kept
        print("%s was damaged: fetching it again" % kept)
        kept.unlink()

    with partial_folder() as folder:
        try:
            file = download(package, package.version, folder)
        except Gone as gone:
            if os.environ.get(ALLOW_NEWER) != "1":
                raise Failure(
                    "%s: %s %s is gone from the registry%s\n"
                    "  to lock the current version, run            third_party/refresh %s\n"
                    "  to build once with it, not locked, set      %s=1"
                    % (
                        shown(lock),
                        package.name,
                        package.version,
                        ", which has %s" % gone.current if gone.current else "",
                        lock.stem,
                        ALLOW_NEWER,
                    )
                ) from gone
            for left in folder.iterdir():
                left.unlink()
            file = download(package, None, folder)
            found = sha256_of(file)
            print(
                "%s=1: %s %s is gone from the registry; using %s (SHA-256 %s), which no lock vouches for"
                % (ALLOW_NEWER, package.name, package.version, file.name, found)
            )
            return adopt(file, found)
        found = sha256_of(file)
        if found != package.sha256:
            raise Failure(
                "%s: %s has SHA-256 %s, expected %s. A registry never changes a file: find out why before refreshing"
                % (shown(lock), file.name, found, package.sha256)
            )
        return adopt(file, found)


def unpack_wheel(wheel: Path, folder: Path) -> None:
    """A wheel is a zip file; Python's zipfile leaves the modes, which programs need, to the caller."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            path = archive.extract(member, folder)
            if not member.is_dir():
                os.chmod(path, 0o755 if (member.external_attr >> 16) & 0o111 else 0o644)


def unpack(lock: Path, folder: Path) -> None:
    with one_at_a_time(lock.stem):
        files = [(package, obtain(package, lock)) for package in read_lock(lock)]
    for package, file in files:
        if package.is_wheel:
            unpack_wheel(file, folder)
            continue
        if package.is_debian:
            command = ["dpkg-deb", "-x", str(file), str(folder)]
        else:
            command = ["tar", "-xzf", str(file), "-C", str(folder), "--strip-components=1", "--no-same-owner"]
        result = run(command, folder)
        if result.returncode != 0:
            raise Failure("%s failed (exit %d)\n%s" % (" ".join(command), result.returncode, result.stderr))


# ---- refresh


def current(package: Package) -> Package:
    """The package as its registry has it now; the file goes to the store at once."""
    for version in [package.version, None] if package.keep else [None]:
        with partial_folder() as folder:
            try:
                file = download(package, version, folder)
            except Gone:
                continue  # even a version to keep goes when nobody has it any more
            sha256 = sha256_of(file)
            adopt(file, sha256)
            if package.is_debian:
                _, version, architecture = file.name[: -len(".deb")].split("_")
                return package._replace(version=version.replace("%3a", ":"), file=architecture, sha256=sha256)
            version = file.name[: -len(".tar.gz")].rsplit("-", 1)[1] if not package.is_wheel else file.name.split("-")[1]
            return package._replace(version=version, file=file.name, sha256=sha256)
    raise Failure("%s: the registry has no version of it" % package.name)


def refresh(project: str) -> None:
    locks = [lock for lock in (ROOT / "third_party").rglob("*.lock") if lock.stem == project]
    if not locks:
        known = sorted(lock.stem for lock in (ROOT / "third_party").rglob("*.lock"))
        raise Mistake("no lock of that name: '%s'; there are %s" % (project, " ".join(known)))
    (lock,) = locks
    lines = lock.read_text(encoding="utf-8").splitlines()
    for index, line in enumerate(lines):
        package = parse(line, "%s:%d" % (shown(lock), index + 1))
        if not package:
            continue
        new = current(package)
        if new == package:
            print("%s %s: unchanged" % (package.name, package.version))
            continue
        print("%s %s -> %s (SHA-256 %s)" % (package.name, package.version, new.version, new.sha256))
        comment = line[line.index("#") :] if "#" in line else ""
        words = [new.name, new.version, new.file, new.sha256, "keep" if new.keep else "", comment]
        lines[index] = " ".join(word for word in words if word)
    text = "".join(line + "\n" for line in lines)
    if text != lock.read_text(encoding="utf-8"):
        lock.write_text(text, encoding="utf-8")
        print("wrote %s: build and test, then commit it" % shown(lock))


def main(arguments: List[str]) -> int:
    try:
        if len(arguments) == 3 and arguments[0] == "unpack":
            unpack(Path(arguments[1]), Path(arguments[2]))
        elif len(arguments) >= 2 and arguments[0] == "refresh":
            for project in arguments[1:]:
                refresh(project)
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except (Failure, OSError) as failure:
        print(failure, file=sys.stderr)
        return 2 if isinstance(failure, Mistake) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
