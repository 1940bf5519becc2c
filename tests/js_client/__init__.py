"""The official JavaScript client of Socket.IO, installed beside the checkout at the versions of package-lock.json.

Nothing of it is in the repository: npm fetches it, from wherever npm is told to on this machine, and checks it against
the digests of the lock. It is run by the Node that Playwright brings.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from playwright._impl._driver import compute_driver_executable

FOLDER = Path(__file__).parent
CACHE = FOLDER.parent.parent / ".cache" / "js-client"
FILES = ("package.json", "package-lock.json", ".npmrc")
INSTALL_SECONDS = 300


def node() -> str:
    """Return the path of Node."""
    return str(compute_driver_executable()[0])


def installed() -> Path:
    """Return the folder `node_modules` that has the client in it; leaves the test out where it can't be had."""
    target = (
        CACHE / hashlib.sha256(b"\0".join((FOLDER / name).read_bytes() for name in FILES)).hexdigest()[:16]
    )
    if not (target / "node_modules").is_dir():
        _install(target)
    return target / "node_modules"


def _install(target: Path) -> None:
    if not shutil.which("npm"):
        pytest.skip("npm is not installed, which fetches the JavaScript client")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        for name in FILES:
            shutil.copy(FOLDER / name, folder)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
        if done.returncode != 0:
            pytest.skip(f"npm could not fetch the JavaScript client: {done.stderr.strip()[-300:]}")
        # At once or not at all; another worker may have been quicker.
        (Path(folder) / "whole").mkdir()
        for name in ("node_modules", "package.json"):
            os.replace(Path(folder) / name, Path(folder) / "whole" / name)
        if not target.exists():
            os.replace(Path(folder) / "whole", target)
