"""Founding a household: the set-up link works once, for one admin, and nothing is there before."""

from __future__ import annotations

import html
import re
import threading
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from homechat import settings
from homechat.accounts.models import User
from homechat.actor import Actor
from homechat.household.founding import new_setup_token
from homechat.rooms.models import Membership, Room
from homechat.security.tokens import digest_of
from tests.conftest import GENEROUS_LIMITS, close
from tests.house import PASSWORD, House
from tests.server_process import ServerProcess, prepare_house, run_flask

FORM = {
    "house_name": "The Lovelaces",
    "username": "ada",
    "display_name": "Ada",
    "password": PASSWORD,
}
LINK = re.compile(r"http://localhost:\d+(/setup/\S+)")
SPENT = "This link has been used already, or a newer one was printed."


@pytest.fixture
def empty(tmp_path: Path) -> House:
    """A house in which nobody lives yet."""
    prepare_house(tmp_path / "data")
    house = House(tmp_path / "data")
    yield house
    close(house)


def new_link(house: House) -> str:
    """Return the path of a new set-up link."""
    token = house.act(new_setup_token)
    assert token is not None
    return f"/setup/{token}"


def names_of_people(house: House) -> list[str]:
    with house.rows() as session:
        return list(session.scalars(sa.select(User.username).order_by(User.id)))


def test_the_link_makes_the_admin_the_home_room_and_the_houses_name(empty: House) -> None:
    browser = empty.client()
    link = new_link(empty)

    reply = browser.post(link, FORM, form_on=link)

    assert (reply.status_code, reply.location) == (302, "/")
    front = browser.get("/").text
    assert "The Lovelaces" in front
    assert "home" in front
    ada = empty.person("ada")
    assert (ada.display_name, ada.role, ada.standing) == ("Ada", "admin", "active")
    home = empty.home()
    with empty.rows() as session:
        assert session.scalars(sa.select(Room.name)).all() == ["home"]
        assert session.scalars(sa.select(Membership.user_id).filter_by(room_id=home.id)).all() == [ada.id]
    assert empty.act(settings.value_of, settings.HOUSE_NAME) == "The Lovelaces"


def test_an_empty_house_has_no_account_that_anybody_could_guess(empty: House) -> None:
    assert names_of_people(empty) == []
    for name in ("admin", "root", "homechat"):
        reply = empty.client().post("/sign-in", {"username": name, "password": name}, form_on="/sign-in")
        assert reply.status_code == 401


def test_the_link_works_once(empty: House) -> None:
    link = new_link(empty)
    late = empty.client()
    token = late.form_token(link)
    empty.client().post(link, FORM, form_on=link)

    seen_again = empty.client().get(link)
    sent_again = late.post(link, {**FORM, "username": "mallory", "csrf_token": token}, form_on="/sign-in")

    assert (seen_again.status_code, sent_again.status_code) == (404, 404)
    assert SPENT in seen_again.text
    assert SPENT in sent_again.text
    assert names_of_people(empty) == ["ada"]
    assert empty.act(new_setup_token) is None


def test_a_newer_link_replaces_the_older_one(empty: House) -> None:
    older = new_link(empty)
    assert empty.client().get(older).status_code == 200

    newer = new_link(empty)

    assert empty.client().get(older).status_code == 404
    assert empty.client().get(newer).status_code == 200


def test_the_link_dies_when_the_shell_makes_the_first_admin(empty: House) -> None:
    link = new_link(empty)
    browser = empty.client()
    token = browser.form_token(link)

    made = run_flask(
        empty.data_dir, "user", "create", "ada", "--role", "admin", "--password-stdin", text=PASSWORD
    )

    assert made.returncode == 0, made.stderr
    reply = browser.post(link, {**FORM, "username": "mallory", "csrf_token": token}, form_on="/sign-in")
    assert reply.status_code == 404
    assert browser.get(link).status_code == 404
    assert names_of_people(empty) == ["ada"]
    assert empty.home().name == "home"


@pytest.mark.parametrize("token", ["guess", "x" * 43, "ä" * 20, "x" * 3000])
def test_a_wrong_link_is_not_here(empty: House, token: str) -> None:
    new_link(empty)

    reply = empty.client().get(f"/setup/{token}")

    assert reply.status_code == 404
    assert "<title>Not here" in reply.text
    assert SPENT in reply.text


def test_no_link_works_once_there_is_an_admin_whatever_is_stored(empty: House) -> None:
    link = new_link(empty)
    empty.client().post(link, FORM, form_on=link)
    empty.act(settings.change, Actor.system(), settings.SETUP_TOKEN_DIGEST, digest_of("left over"))
    assert empty.client().get("/setup/left over").status_code == 404


def test_before_the_first_link_is_printed_no_link_works(empty: House) -> None:
    assert empty.client().get("/setup/").status_code == 404
    assert empty.client().get("/setup/guess").status_code == 404


def test_the_database_holds_only_the_links_digest(empty: House) -> None:
    token = new_link(empty).removeprefix("/setup/")
    with empty.rows() as session:
        values = [row.value for row in session.scalars(sa.select(settings.SettingRow))]
    assert len(values) == 1
    assert token not in str(values)
    assert token.encode() not in b"".join(file.read_bytes() for file in empty.data_dir.glob("homechat.db*"))


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("house_name", "X", "The house's name has 2 to 50 characters."),
        ("house_name", "x" * 51, "The house's name has 2 to 50 characters."),
        ("username", "a!", "Use 3 to 30 small letters, digits or _ without spaces."),
        ("display_name", "x" * 41, "Keep the name to 40 characters."),
        ("password", "k7 wQ", "Use at least 8 characters."),
        ("password", "lovelaces1", "That password is too close to a name that others know."),
    ],
)
def test_a_wrong_field_says_why_and_keeps_what_was_typed(
    empty: House, field: str, typed: str, sentence: str
) -> None:
    link = new_link(empty)
    form = {**FORM, field: typed}

    reply = empty.client().post(link, form, form_on=link)

    assert reply.status_code == 422
    page = html.unescape(reply.text)
    assert re.search(rf'id="{field}-error">{re.escape(sentence)}', page), page
    for name in ("house_name", "username", "display_name"):
        assert f'value="{form[name]}"' in page
    assert form["password"] not in page
    assert names_of_people(empty) == []
    assert empty.client().get(link).status_code == 200, "the link must still work after a slip"


def test_the_first_start_prints_a_link_and_a_start_after_the_founding_prints_none(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", GENEROUS_LIMITS) as server:
        printed = LINK.findall(server.log())
        assert len(printed) == 1
        found_at(server, printed[0], username="ada")
        assert server.stop() == 0
        before = len(server.log())

        server.start()

        assert "HomeChat is at" in server.log()[before:]
        assert "/setup/" not in server.log()[before:]


def test_fifty_with_the_link_at_once_found_one_house_with_one_admin(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", GENEROUS_LIMITS) as server:
        link = LINK.findall(server.log())[0]
        form = open_form(server, link)
        barrier = threading.Barrier(50)
        statuses: list[int] = []

        def found(number: int) -> None:
            barrier.wait()
            statuses.append(send_form(server, link, form, username=f"admin_{number}"))

        threads = [threading.Thread(target=found, args=(number,)) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(set(statuses)) == [302, 404]
    assert statuses.count(302) == 1
    house = House(tmp_path / "data")
    with house.rows() as session:
        assert session.scalars(sa.select(User.role)).all() == ["admin"]
        assert session.scalars(sa.select(Room.is_home)).all() == [True]
        assert session.scalar(sa.select(sa.func.count()).select_from(Membership)) == 1
    close(house)


def open_form(server: ServerProcess, link: str) -> tuple[str, str]:
    """Return the form's token and the cookie that it belongs to."""
    reply = requests.get(server.url + link, timeout=30)
    token = re.search(r'name="csrf_token" value="([^"]+)"', reply.text)
    assert token, reply.text
    return token[1], reply.headers["Set-Cookie"].partition(";")[0]


def send_form(server: ServerProcess, link: str, form: tuple[str, str], *, username: str) -> int:
    token, cookie = form
    reply = requests.post(
        server.url + link,
        data={**FORM, "username": username, "csrf_token": token},
        headers={"Cookie": cookie},
        allow_redirects=False,
        timeout=60,
    )
    return reply.status_code


def found_at(server: ServerProcess, link: str, *, username: str) -> None:
    assert send_form(server, link, open_form(server, link), username=username) == 302
