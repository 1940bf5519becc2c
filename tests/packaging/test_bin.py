"""bin/run on machines of all kinds: what it asks for, what it installs, and when it leaves things alone."""

import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.packaging.checkout import ROOT, copy_checkout, free_port

START_TIMEOUT_SECONDS = 300
POSIX_TOOLS = ["sh", "cat", "cmp", "dirname", "head", "mv", "rm", "uname"]


@pytest.fixture
def machine(tmp_path):
    """Return a function that makes a machine: a PATH with few tools and these Pythons, and an os-release."""
    path = tmp_path / "path"
    path.mkdir()
    for tool in POSIX_TOOLS:
        (path / tool).symlink_to(shutil.which(tool))

    def machine(os_release="", **pythons):
        for name, script in pythons.items():
            program = path / name.replace("_", ".")
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(0o755)
        (tmp_path / "os-release").write_text(os_release)
        return {"PATH": str(path), "OS_RELEASE": str(tmp_path / "os-release")}

    return machine


GOOD = f'exec {sys.executable} "$@"'
OLD = 'case "$2" in *version_info*) exit 1 ;; esac; echo Python 3.9.2'
WITHOUT_VENV = f'case "$2" in *ensurepip*) exit 1 ;; esac; exec {sys.executable} "$@"'
BROKEN = "echo 'python3.13: command not found' >&2; exit 127"


def shell(script, *words, env=None, cwd=ROOT):
    """Run a line of sh that has read bin/environment.sh."""
    command = ["sh", "-euc", f". {ROOT}/bin/environment.sh; {script}", "sh", *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("os_release", "hint"),
    [
        ("ID=debian", "sudo apt install python3 python3-venv"),
        ("ID=raspbian\nID_LIKE=debian", "sudo apt install python3 python3-venv"),
        ("ID=linuxmint\nID_LIKE='ubuntu debian'", "sudo apt install python3 python3-venv"),
        ("ID=fedora", "sudo dnf install python3.13"),
        ("ID=manjaro\nID_LIKE=arch", "sudo pacman -S python"),
        ("ID=nixos", "the way your system does it"),
    ],
)
@pytest.mark.parametrize("pythons", [{}, {"python3": OLD}], ids=["no python", "an old python"])
def test_without_a_new_enough_python_it_says_which_package_to_install(
    tmp_path, machine, os_release, hint, pythons
):
    run = shutil.copytree(ROOT / "bin", tmp_path / "checkout" / "bin") / "run"

    done = subprocess.run(
        [run], env=machine(os_release, **pythons), capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 1
    assert "Python 3.11 or newer" in done.stderr
    assert hint in done.stderr
    assert not (tmp_path / "checkout/.venv").exists()


def test_without_the_venv_module_it_names_the_package_of_that_very_python(machine):
    done = shell("find_python", env=machine("ID=debian", python3_11=WITHOUT_VENV))

    assert done.returncode == 1
    assert f"sudo apt install python3.{sys.version_info[1]}-venv" in done.stderr


def test_a_python_that_does_not_start_or_lacks_venv_is_passed_over(machine):
    done = shell("find_python", env=machine(python3_13=BROKEN, python3_12=WITHOUT_VENV, python3=GOOD))

    assert done.stdout == "python3\n"


@pytest.mark.parametrize(
    "script", ["bin/run", "bin/test", ".ci/run", "bin/environment.sh", "deploy/entrypoint.sh"]
)
def test_the_scripts_are_plain_sh_and_those_to_be_called_can_be(script):
    assert subprocess.run(["sh", "-n", ROOT / script]).returncode == 0
    assert os.access(ROOT / script, os.X_OK) == (script != "bin/environment.sh")


@pytest.fixture(scope="module")
def shared_environment(tmp_path_factory):
    place = tmp_path_factory.mktemp("environment")
    (place / "lock.txt").write_text("")
    return place / "with a space" / ".venv"


@pytest.fixture
def environment(shared_environment):
    """An environment in step with a lock that names nothing; shared, because making one takes seconds."""
    (shared_environment.parent.parent / "lock.txt").write_text("# first\n")
    assert ensure(shared_environment).returncode == 0
    return shared_environment


def ensure(folder):
    offline = {**os.environ, "PIP_NO_INDEX": "1"}
    lock = folder.parent.parent / "lock.txt"
    return shell('ensure_environment "$1" "$2"', folder, lock, env=offline)


def test_an_environment_in_step_with_its_lock_is_left_alone(environment):
    before = (environment / "installed-from.txt").stat()

    done = ensure(environment)

    assert (done.returncode, done.stderr) == (0, "")
    assert (environment / "installed-from.txt").stat().st_mtime_ns == before.st_mtime_ns


def test_a_changed_lock_is_installed_again(environment):
    (environment.parent.parent / "lock.txt").write_text("# second\n")

    assert "Installing" in ensure(environment).stderr
    assert ensure(environment).stderr == ""


def test_an_installation_that_was_interrupted_counts_as_none(environment):
    (environment / "installed-from.txt").unlink()

    assert "Installing" in ensure(environment).stderr


def test_a_first_installation_that_fails_counts_as_none(tmp_path):
    (tmp_path / "lock.txt").write_text(f"no-such-package==1 --hash=sha256:{'0' * 64}\n")
    folder = tmp_path / "with a space" / ".venv"

    done = ensure(folder)

    assert done.returncode == 1
    assert "The installation failed" in done.stderr
    assert (folder / "bin/python").exists()
    assert not list(folder.glob("installed-from.txt*"))


def test_after_a_failed_upgrade_the_old_version_still_starts_offline(environment):
    lock = environment.parent.parent / "lock.txt"
    lock.write_text(f"no-such-package==1 --hash=sha256:{'0' * 64}\n")
    assert ensure(environment).returncode == 1

    lock.write_text("# first\n")

    assert ensure(environment).stderr == ""


def test_a_moved_checkout_gets_an_environment_of_its_own(environment):
    moved = shutil.copytree(environment, environment.parent.parent / "elsewhere" / ".venv", symlinks=True)

    assert "Installing" in ensure(moved).stderr
    assert f"{moved}/bin/python" in (moved / "bin/pip").read_text()


def login_environment():
    """What a login shell has: the settings of whoever runs the tests are not the house's."""
    ours = ("HOMECHAT_", "FLASK_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


@contextlib.contextmanager
def running(checkout, cwd):
    """Start bin/run of `checkout` from `cwd`; yield its port and process; stop it with SIGTERM."""
    port = free_port()
    process = subprocess.Popen(
        [checkout / "bin/run"],
        cwd=cwd,
        env={**login_environment(), "HOMECHAT_PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        _wait_until_up(port, process)
        yield port, process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _wait_until_up(port, process):
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/up")
            if connection.getresponse().read() == b"OK":
                return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    process.kill()
    pytest.fail(f"bin/run does not serve:\n{process.communicate()[0]}")


def stop(process):
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=30)
    assert process.returncode == 0, printed
    return printed


@pytest.mark.slow
def test_a_fresh_clone_serves_at_one_command_and_installs_nothing_the_second_time(tmp_path):
    checkout = copy_checkout(tmp_path / "our chat")

    with running(checkout, cwd=tmp_path) as (port, process):
        printed = stop(process)
    assert "Installing" in printed
    assert f"http://localhost:{port}/setup/" in printed
    assert (checkout / "data").stat().st_mode & 0o777 == 0o700
    for secret in ["homechat.db", "secrets/secret_key"]:
        assert (checkout / "data" / secret).stat().st_mode & 0o777 == 0o600

    for pip in (checkout / ".venv").glob("lib/python3*/site-packages/pip"):
        shutil.rmtree(pip)
    with running(checkout, cwd="/") as (port, process):
        printed = stop(process)
    assert "Installing" not in printed
    assert f"http://localhost:{port}/setup/" in printed

    shown = flask(checkout, "config", "show")
    assert shown.returncode == 0, shown.stderr
    assert "HOMECHAT_PORT" in shown.stdout

    refused = flask(checkout, HOMECHAT_PRT="8001")
    assert refused.returncode != 0
    assert "HOMECHAT_PRT is not a setting" in refused.stderr
    assert "Traceback" not in refused.stderr


def flask(checkout, *words, **environment):
    """Run a command through bin/run, or the server when there are no words."""
    return subprocess.run(
        [checkout / "bin/run", *words],
        cwd="/",
        env={**login_environment(), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
