"""The plugin that searches the logs of a run: it hears of secrets by itself, and finds each one that was logged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote_plus

import pytest
import requests

from homechat.security.tokens import new_token
from tests import secrets_used
from tests.house import PASSWORD, House
from tests.no_secret_in_logs import LEAKED
from tests.packaging.checkout import ROOT
from tests.server_process import ServerProcess
from tests.talkers import Talker

SESSION = "__Host-homechat"
SECRET = 'Änne\'s 7 calm "herons"'
BY_HAND = f"from tests import secrets_used\nSECRET = {SECRET!r}\n"
IN_A_FILE = """
def test_it(tmp_path):
    secrets_used.remember(SECRET)
    log = tmp_path / "server.log"
    secrets_used.read_at_the_end(log)
    log.write_text("first line\\n" + {written})
"""
LOGGED = {
    "in the log of a server": BY_HAND + IN_A_FILE.format(written="SECRET"),
    "as JSON writes it": BY_HAND + "import json\n" + IN_A_FILE.format(written="json.dumps({'a': SECRET})"),
    "as a form sends it": BY_HAND
    + "from urllib.parse import quote_plus\n"
    + IN_A_FILE.format(written="quote_plus(SECRET)"),
    "by this process": BY_HAND
    + """
import logging
def test_it():
    logging.getLogger("homechat.any").warning("refused %s", SECRET)
    secrets_used.remember(SECRET)
""",
    "in an exception": BY_HAND
    + """
import logging
def test_it():
    secrets_used.remember(SECRET)
    try:
        raise RuntimeError(SECRET)
    except RuntimeError:
        logging.getLogger("homechat.any").exception("it broke")
""",
    "beside the message": BY_HAND
    + """
import logging
def test_it():
    secrets_used.remember(SECRET)
    logging.getLogger("homechat.any").error("request", extra={"path": "/join/" + SECRET})
""",
    "though nobody said that it is one": """
from tests import secrets_used
from homechat.security.tokens import new_token
def test_it(tmp_path):
    secrets_used.read_at_the_end(tmp_path / "x.log")
    (tmp_path / "x.log").write_text("/sign-in?next=" + new_token())
""",
    "after a form was posted to an application here": """
import logging
from flask import Flask, request
def test_it():
    app = Flask("leaky")
    @app.post("/sign-in")
    def view():
        logging.getLogger("leaky").error("wrong: %s", request.form["password"])
        return ""
    app.test_client().post("/sign-in", data={"password": "seven calm herons"})
""",
    "after a cookie was set by an application here": """
import logging
from flask import Flask, Response
def test_it():
    app = Flask("leaky")
    @app.get("/")
    def view():
        logging.getLogger("leaky").error("hello seven-calm-herons")
        reply = Response("")
        reply.set_cookie("session", "seven-calm-herons")
        return reply
    app.test_client().get("/")
""",
    "and the log is gone": """
from tests import secrets_used
def test_it(tmp_path):
    secrets_used.read_at_the_end(tmp_path / "never-written.log")
""",
}
CLEAN = """
import logging
from tests import secrets_used
def test_it(tmp_path):
    secrets_used.remember("seven calm herons", "short", "aaaaaaaaaaaaaaaa")
    secrets_used.read_at_the_end(tmp_path / "x.log")
    (tmp_path / "x.log").write_text("a short aaaaaaaaaaaaaaaa test_that_names_of_Tests_are_no_tokens_2026_or_so\\n")
    logging.getLogger("x").error("seven calm storks")
"""


def run_pytest(tmp_path: Path, code: str, *options: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "test_sample.py"
    file.write_text(code)
    plugins = ["-p", "tests.no_secret_in_logs", "-c", "/dev/null", "--basetemp", str(tmp_path / "temp")]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *options, str(file)],
        cwd=ROOT,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("code", LOGGED.values(), ids=LOGGED)
def test_a_run_fails_when_a_secret_was_logged(tmp_path: Path, code: str) -> None:
    done = run_pytest(tmp_path, code)

    assert done.returncode == LEAKED
    assert "1 passed" in done.stdout, "guard: it is not the test that fails"
    assert "FAILED a secret was logged" in done.stdout
    summary = done.stdout.split("logs were looked through")[1]
    for secret in (SECRET, "seven calm herons", "seven-calm-herons"):
        assert secret not in summary, "the report repeats the secret"


def test_it_fails_over_several_workers_too(tmp_path: Path) -> None:
    more = "\ndef test_nothing():\n    pass\n"

    done = run_pytest(tmp_path, LOGGED["in the log of a server"] + more, "-n", "2")

    assert done.returncode == LEAKED
    assert "2 passed" in done.stdout
    assert "FAILED a secret was logged" in done.stdout


def test_a_failed_test_beside_it_does_not_hide_it(tmp_path: Path) -> None:
    more = "\ndef test_that_fails():\n    assert False\n"

    done = run_pytest(tmp_path, LOGGED["in the log of a server"] + more)

    assert done.returncode == LEAKED, "such a run is not tried again"
    assert "1 failed, 1 passed" in done.stdout


def test_a_run_without_a_secret_in_its_logs_passes_and_says_what_was_read(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, CLEAN)

    assert done.returncode == 0, done.stdout
    assert "2 logs were looked through for 1 secrets." in done.stdout


def test_the_link_that_is_printed_for_the_operator_is_no_leak_and_any_other_line_with_it_is() -> None:
    token = new_token()
    printed = f"\n  http://localhost:8000/setup/{token}\n\n"

    assert secrets_used.leaks_in("log", printed, {token}) == []
    logged = json.dumps({"path": f"/setup/{token}"})
    assert len(secrets_used.leaks_in("log", printed + logged, {token})) == 1


def test_a_secret_is_found_inside_a_longer_word() -> None:
    secret = "k7wQ9zpXr4Lm"
    assert secrets_used.leaks_in("log", f"prefix_{secret}-suffix", {secret})
    assert not secrets_used.leaks_in("log", "prefix_k7wQ9zpXr4Ln-suffix", {secret})


# that it hears of the secrets of our own tests


def test_passwords_cookies_and_links_of_a_real_server_are_known(shared_server: ServerProcess) -> None:
    ada = Talker(shared_server.url, "ada").sign_in()
    requests.post(shared_server.url + "/join/x", data={"password": "an unheard-of heron"}, timeout=30)
    requests.get(shared_server.url, headers={"Authorization": "Bearer hc_1234567890abcdef"}, timeout=30)
    requests.get(shared_server.url + "/reset/abcdefghij0123456789KLM", timeout=30)
    ada.get("/me")

    known = secrets_used.known()

    assert {PASSWORD, "an unheard-of heron", "hc_1234567890abcdef", "abcdefghij0123456789KLM"} <= known
    assert ada.cookies[SESSION] in known
    assert shared_server.log_file in secrets_used._logs


def test_what_is_made_and_typed_in_this_process_is_known(house: House) -> None:
    browser = house.client("ben")
    browser.post("/me/password", {"current_password": PASSWORD, "password": "an unseen heron"})
    token = house.act(new_token)

    known = secrets_used.known()

    cookie = browser.client.get_cookie(house.settings.session_cookie_name)
    assert cookie
    assert {"an unseen heron", token, cookie.value} <= known


def test_a_quoted_phrase_is_known_as_it_was_typed() -> None:
    sent = f"POST /sign-in HTTP/1.1\r\nHost: x\r\n\r\nusername=ben&password={quote_plus(SECRET)}"

    assert list(secrets_used.secrets_sent(sent)) == [SECRET]
    assert list(secrets_used.secrets_sent(json.dumps({"a": {"recovery_code": "k7m2-9xqp"}}))) == ["k7m2-9xqp"]
