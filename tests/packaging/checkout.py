"""What the packaging tests share: this checkout's files, and ports nobody uses."""

import re
import shutil
import socket
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def project_files() -> list[Path]:
    """Return the files that belong to the project, relative to ROOT: known to git, or not ignored by it."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [Path(name) for name in sorted(listing.split("\0")) if name and (ROOT / name).is_file()]


def copy_checkout(target: Path) -> Path:
    """Copy the project's files, and nothing else that lies around, to `target`; return it."""
    for file in project_files():
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, target / file, follow_symlinks=False)
    return target


def compose(**environment: str) -> dict:
    """Return compose.yaml as docker compose would read it with `environment` in `.env`."""
    text = (ROOT / "compose.yaml").read_text()
    return yaml.safe_load(re.sub(r"\$\{(\w+)[^}]*\}", lambda found: environment[found[1]], text))


def free_port() -> int:
    """Return a port of the loopback address that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
