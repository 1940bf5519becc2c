"""The image is built from this checkout, started the way compose.yaml starts it, and asked."""

import http.client
import os
import signal
import subprocess
import time

import pytest

from tests.packaging import container
from tests.packaging.checkout import copy_checkout, free_port

START_TIMEOUT_SECONDS = 60
CANARY = "canary-that-must-not-be-shipped"
USER = 10001


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    checkout = copy_checkout(tmp_path_factory.mktemp("checkout"))
    for stray in [
        ".env",
        "data/secrets/secret_key",
        "homechat/__pycache__/old.pyc",
        ".git/config",
        "notes.txt",
    ]:
        (checkout / stray).parent.mkdir(parents=True, exist_ok=True)
        (checkout / stray).write_text(CANARY)
    for folder in [checkout / "homechat", checkout / "static"]:
        folder.chmod(0o700)  # as after a clone with a strict umask
    yield container.build(checkout)
    container.remove()


@pytest.fixture
def data(tmp_path):
    """A folder as an engine makes it for the image's volume: like the image's own /data."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    os.chown(folder, USER, USER)
    return folder


@pytest.fixture
def start(image, data):
    """Return a function that starts the image's own command and waits until it serves: process, port."""
    started = []

    def start(**environment):
        port = free_port()
        command = image.command(*image.config["Cmd"], data=data, HOMECHAT_PORT=str(port), **environment)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        started.append(process)
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if ask(port, "/up") == (200, "OK"):
                    return process, port
            except OSError:
                time.sleep(0.1)
        process.kill()
        pytest.fail(f"The container does not serve:\n{process.communicate()[0]}")

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ask(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()


def test_the_image_says_who_runs_it_how_and_how_to_tell_that_it_is_well(image):
    config = image.config

    assert config["User"] == f"{USER}:{USER}"
    assert config["Healthcheck"]["Test"] == ["CMD", "python", "deploy/healthcheck.py"]
    assert config["StopSignal"] == "SIGTERM"
    assert config["Cmd"][0] != "/bin/sh", "the shell form would keep signals from the server"
    assert config["Volumes"] == {"/data": {}}
    assert config["ExposedPorts"] == {"8000/tcp": {}}
    assert config["Labels"]["org.opencontainers.image.title"] == "HomeChat"


def test_the_image_holds_the_app_and_nothing_of_this_house(image):
    shipped = {entry.name for entry in (image.files / "srv/homechat").iterdir()}
    holding_canary = subprocess.run(["grep", "-rl", CANARY, image.files], capture_output=True, text=True)

    assert shipped == {
        ".venv",
        "deploy",
        "homechat",
        "migrations",
        "requirements",
        "static",
        "templates",
        "wsgi.py",
    }
    assert holding_canary.stdout == ""
    assert not list((image.files / "data").iterdir())
    assert CANARY not in str(image.config)


def test_nothing_in_the_image_can_build_or_install(image):
    for tool in ["gcc", "cc", "make"]:
        assert not (image.files / "usr/bin" / tool).exists()
    assert not list((image.files / "srv/homechat/.venv/bin").glob("pip*"))


def test_only_data_and_tmp_can_be_written_and_only_as_an_ordinary_user(image, data):
    probe = """
        id -u; grep -E 'Cap(Eff|Bnd)|NoNewPrivs' /proc/self/status
        touch /data/made /tmp/made && touch /srv/homechat/made
    """
    done = subprocess.run(image.command("sh", "-c", probe, data=data), capture_output=True, text=True)

    none = "0" * 16
    assert done.stdout.split() == [str(USER), "CapEff:", none, "CapBnd:", none, "NoNewPrivs:", "1"]
    assert "Read-only file system" in done.stderr
    assert (data / "made").stat().st_uid == USER


def test_a_container_on_an_empty_volume_serves_and_stops_gracefully(image, data, start):
    process, port = start(HOMECHAT_PUBLIC_URL="https://chat.example.test", HOMECHAT_TRUSTED_PROXY_COUNT="1")
    check = image.command(*image.config["Healthcheck"]["Test"][1:], data=data, HOMECHAT_PORT=str(port))

    assert subprocess.run(check).returncode == 0
    assert oct((data / "homechat.db").stat().st_mode & 0o777) == "0o600"

    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=30)
    assert process.returncode == 0, printed
    assert "https://chat.example.test/setup/" in printed
    assert subprocess.run(check, stderr=subprocess.DEVNULL).returncode != 0


def test_a_container_starts_again_on_the_same_volume(data, start):
    process, _port = start()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    key = (data / "secrets/secret_key").read_text()

    start()

    assert (data / "secrets/secret_key").read_text() == key
