"""Builds the image and runs it without a container engine: buildah, a Debian made on the spot, and chroot.

Needs root on a Linux with buildah and debootstrap. What is dear to make is kept in `.cache/packaging`: the
Debian (as an image in buildah's store) and the packages of the lock (as wheels).
"""

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.packaging.checkout import ROOT
from tests.packaging.lock import lock_for_python

CACHE = ROOT / ".cache" / "packaging"
BASE = "localhost/homechat-test-base"
BASE_RELEASE, BASE_PYTHON = "bookworm", "3.11.2"
IMAGE = "localhost/homechat-test"


@dataclass(frozen=True)
class Image:
    """A built image: its configuration as the registry format has it, and its files, mounted."""

    config: dict
    files: Path

    def command(self, *words: str, data: Path, **environment: str) -> list[str]:
        """Return the command that runs `words` the way compose.yaml runs the image.

        That is: as the image's user, without any capability and without a way to get one, with nothing
        writable but /tmp and /data (which is `data`). It ends up as one process, so signals reach it.
        """
        root = shlex.quote(str(self.files))
        user, _, group = self.config["User"].partition(":")
        variables = [*self.config["Env"], *(f"{name}={value}" for name, value in environment.items())]
        inside = [
            *("setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--no-new-privs"),
            *("--bounding-set=-all", "--inh-caps=-all"),
            *("env", "-i", f"--chdir={self.config['WorkingDir']}", *variables, *words),
        ]
        script = (
            f"mount --bind {root} {root} && mount -o remount,bind,ro {root}"
            f" && mount -t tmpfs -o mode=1777 tmpfs {root}/tmp"
            f" && mount --bind {shlex.quote(str(data))} {root}/data"
            f" && mount -t proc proc {root}/proc && mount --rbind /dev {root}/dev"
            f' && exec chroot {root} "$@"'
        )
        return ["unshare", "--mount", "sh", "-c", script, "sh", *inside]


def build(checkout: Path) -> Image:
    """Build the Dockerfile of `checkout`; return the image. Skips the test where that cannot be done."""
    if os.geteuid() != 0 or not all(map(shutil.which, ["buildah", "debootstrap", "unshare", "setpriv"])):
        pytest.skip("building the image needs root, buildah and debootstrap")
    CACHE.mkdir(parents=True, exist_ok=True)
    _ensure_base()
    pip_settings = CACHE / "pip.conf"
    pip_settings.write_text(
        "[global]\nno-index = true\nfind-links = /wheels\ndisable-pip-version-check = true\n"
    )
    _buildah(
        *("build", "--isolation=chroot", "--format=docker", "--pull-never", f"--build-arg=BASE_IMAGE={BASE}"),
        *(f"--volume={_wheels()}:/wheels:ro", f"--volume={pip_settings}:/etc/pip.conf:ro"),
        *(f"--tag={IMAGE}", str(checkout)),
    )
    description = json.loads(_buildah("inspect", "--type=image", IMAGE))
    container = _buildah("from", "--pull-never", IMAGE)
    return Image(description["Docker"]["config"], Path(_buildah("mount", container)))


def remove() -> None:
    """Forget the image and what was mounted of it; the base stays."""
    _buildah("rm", "--all")
    _buildah("rmi", "--force", IMAGE)


def _ensure_base() -> None:
    if _buildah("images", "--quiet", "--filter", f"reference={BASE}"):
        return
    tree = CACHE / "debian"
    shutil.rmtree(tree, ignore_errors=True)
    _run(
        *("debootstrap", "--variant=minbase", "--include=python3,python3-venv", BASE_RELEASE, str(tree)),
        *_package_mirror(),
    )
    # The official Python images have it, and the Dockerfile may rely on what they have.
    (tree / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    container = _buildah("from", "scratch")
    _buildah("add", container, str(tree), "/")
    _buildah("commit", "--rm", container, BASE)
    shutil.rmtree(tree)


def _package_mirror() -> list[str]:
    """Where this machine gets its Debian packages; nothing on another system: debootstrap has a default."""
    if not shutil.which("apt-get"):
        return []
    listing = _run(
        "apt-get", "indextargets", "--format", "$(CODENAME) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"
    )
    found = [line.split()[2] for line in listing.splitlines() if line.startswith(f"{BASE_RELEASE} main ")]
    return found[:1]


def _wheels() -> Path:
    lock = lock_for_python("app", BASE_PYTHON)
    folder = CACHE / f"wheels-{hashlib.sha256(lock.encode()).hexdigest()[:16]}"
    if folder.is_dir():
        return folder
    for old in CACHE.glob("wheels-*"):
        shutil.rmtree(old)
    unfinished = CACHE / "wheels-unfinished"
    unfinished.mkdir()
    (unfinished / "lock.txt").write_text(lock)
    _run(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"),
        *("--only-binary=:all:", f"--python-version={BASE_PYTHON}"),
        *(f"--dest={unfinished}", f"--requirement={unfinished / 'lock.txt'}"),
    )
    return unfinished.rename(folder)


def _buildah(*words: str) -> str:
    # vfs works on any file system, and is slow; overlay works on most.
    driver = "overlay" if _kernel_has_overlay() else "vfs"
    store = CACHE / f"store-{driver}"
    return _run(
        "buildah", f"--storage-driver={driver}", f"--root={store}", f"--runroot={store}-run", *words
    ).strip()


def _kernel_has_overlay() -> bool:
    filesystem = _run("stat", "--file-system", "--format=%T", str(CACHE)).strip()
    return "overlay" in Path("/proc/filesystems").read_text() and not filesystem.startswith("overlay")


def _run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout
