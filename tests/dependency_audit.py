"""Whether any package that we ship is known to be vulnerable: asks the world, where there is one (bin/test does).

Answers with an exit code: 0 none is, 1 some are, 77 nothing could be checked. That says so itself, and is no failure:
a checkout must be testable in a cellar.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.packaging.lock import lock_for_python

ALL_FINE, VULNERABLE, NOTHING_CHECKED = 0, 1, 77
ANSWER_SECONDS, IN_ALL_SECONDS = 10, 90


class NoAnswer(Exception):
    """Nobody could be asked, for the reason given."""


def audit(lock: str, *options: str, seconds: float = IN_ALL_SECONDS) -> tuple[int, str]:
    """Return an exit code, and what there is to say about the packages of `lock`.

    lock: pinned packages with their hashes.  options: for pip-audit.  seconds: after which we give up.
    """
    packages = lock.splitlines(keepends=True)
    try:
        # One alone goes first: where it is unknown there is but a mirror, and the others need not be asked for.
        if (first := verdict(_report(packages[0], options, seconds)))[0] == NOTHING_CHECKED:
            return first
        return verdict(_report(lock, options, seconds))
    except NoAnswer as reason:
        return NOTHING_CHECKED, f"CHECKED NOTHING. Known vulnerabilities could not be asked for: {reason}"


def verdict(report: dict[str, Any]) -> tuple[int, str]:
    """Return the exit code for what pip-audit found, and the sentences."""
    packages = report["dependencies"]
    checked = [package for package in packages if "skip_reason" not in package]
    if not checked:
        reason = packages[0]["skip_reason"] if packages else "there are no packages"
        return NOTHING_CHECKED, f"CHECKED NOTHING. Who was asked knows nothing of our packages: {reason}"
    lines = [f"{len(checked)} of {len(packages)} packages were checked."]
    lines += [f"Not checked: {package['skip_reason']}" for package in packages if "skip_reason" in package]
    found = [_finding(package, each) for package in checked for each in package["vulns"]]
    return (VULNERABLE if found else ALL_FINE), "\n".join([*lines, *found])


def _finding(package: dict[str, Any], vulnerability: dict[str, Any]) -> str:
    fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
    return f"VULNERABLE: {package['name']} {package['version']}, {vulnerability['id']}, fixed in {fixed}"


def _report(lock: str, options: tuple[str, ...], seconds: float) -> dict[str, Any]:
    """Return pip-audit's own report. Raises NoAnswer."""
    with tempfile.TemporaryDirectory(prefix="homechat-audit-") as folder:
        file = Path(folder) / "lock.txt"
        file.write_text(lock)
        # What it remembers from earlier would pass for an answer.
        quick = ["--timeout", str(ANSWER_SECONDS), "--cache-dir", folder, "--progress-spinner", "off"]
        what = ["--requirement", str(file), "--disable-pip", "--require-hashes", "--format", "json"]
        command = [sys.executable, "-m", "pip_audit", *what, *quick, *options]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired as error:
            raise NoAnswer(f"no answer within {seconds:g} seconds") from error
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise NoAnswer((done.stderr.strip().splitlines() or ["no reason was given"])[-1][:300]) from error
    return report


if __name__ == "__main__":
    code, words = audit(lock_for_python("app", platform.python_version()), *sys.argv[1:])
    print(words)  # noqa: T201
    sys.exit(code)
