"""Everyone's own history: in plain words, of one's own account only, and nobody else's device or address."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask_babel import force_locale

from homechat import audit, clock
from homechat.accounts.models import User
from homechat.actor import Actor, Door, Role
from homechat.audit import Action
from homechat.database import transaction
from homechat.household.account_history import History, own_history
from homechat.household.account_sentences import SENTENCES
from homechat.household.people import change_role
from homechat.rooms.membership import leave_room, remove_member
from tests.house import CAST, PASSWORD, Browser, House

AWAY = {"REMOTE_ADDR": "198.51.100.7"}
PHONE = "Mozilla/5.0 (Android 15; Mobile) Firefox/140.0"


def shown(browser: Browser, path: str = "/me/history", **headers: str) -> list[tuple[str, str]]:
    """Return what a page of history says: sentence and the line below, without the moment it begins with."""
    page = browser.get(path, headers=headers)
    assert page.status_code == 200
    found = re.findall(
        r'<p class="line__title" dir="auto">(.*?)</p>\s*<p class="line__note">(.*?)</p>', page.text, re.S
    )
    plain = [
        [html.unescape(" ".join(re.sub(r"<[^>]+>", "", part).split())) for part in each] for each in found
    ]
    assert all(re.match(r"\d", note) for _, note in plain), "each has its moment"
    return [(sentence, note.partition(" UTC")[2].removeprefix(" · ")) for sentence, note in plain]


def of(house: House, name: str, **more: Any) -> History:
    with house.app.test_request_context():
        return own_history(house.actor(name), **more)


def sentences(house: House, name: str) -> list[str]:
    return [happening.sentence for happening in of(house, name).happenings]


def record(house: House, actor: Actor, action: Action, **more: Any) -> None:
    house.act(audit.record, actor, action, **more)


def test_what_i_did_says_on_what_device_and_from_where(house: House) -> None:
    browser = house.client()
    browser.post(
        "/sign-in",
        {"username": "ben", "password": PASSWORD},
        form_on="/sign-in",
        headers={"User-Agent": PHONE},
        environ_overrides=AWAY,
    )
    assert shown(browser)[0] == ("You signed in.", "Firefox on Android · 198.51.100.7")


def test_a_strangers_attempt_says_from_where_it_came(house: House) -> None:
    house.client().post(
        "/sign-in",
        {"username": "ben", "password": "wrong"},
        form_on="/sign-in",
        headers={"User-Agent": PHONE},
        environ_overrides=AWAY,
    )
    tried = ("Somebody tried to sign in to your account and failed.", "Firefox on Android · 198.51.100.7")
    assert tried in shown(house.client("ben"))
    assert tried not in shown(house.client("cleo"))


def test_what_others_did_to_my_account_says_who_and_neither_their_device_nor_their_address(
    house: House,
) -> None:
    ada = replace(house.actor("ada"), address="203.0.113.77", user_agent=PHONE)
    ben = house.id_of("ben")
    record(house, ada, Action.RESET_LINK_CREATED, subject=f"user:{ben}")
    record(house, ada, Action.API_TOKEN_REVOKED, subject="token:9", about=ben)

    seen = shown(browser := house.client("ben"))

    assert ("Ada, who runs the house, made a reset link for you, to set a new password.", "") in seen
    assert ("Ada, who runs the house, revoked a token of yours.", "") in seen
    assert "203.0.113.77" not in browser.get("/me/history").text
    mine = shown(house.client("ada"))
    assert ("You made a reset link for Ben.", "Firefox on Android · 203.0.113.77") in mine
    assert ("You revoked a token of Ben.", "Firefox on Android · 203.0.113.77") in mine


def test_the_shell_and_the_house_itself_have_words_too(house: House) -> None:
    ben = house.id_of("ben")
    house.act(change_role, Actor.operator(), ben, Role.GUEST)
    record(house, Actor.system(), Action.ACCOUNT_UNLOCKED, subject=f"user:{ben}")
    seen = shown(house.client("ben"))
    assert ("Whoever looks after the server changed what you may do here.", "Guest") in seen
    assert ("The house itself unlocked your account.", "") in seen


def test_a_lock_for_guessing_says_for_how_long_and_accuses_nobody(house: House) -> None:
    stranger = Actor.stranger(door=Door.PAGE, address="198.51.100.7")
    ben = f"user:{house.id_of('ben')}"
    record(house, stranger, Action.ACCOUNT_LOCKED, subject=ben, detail={"minutes": 30, "place": "address"})
    sentence, note = shown(house.client("ben"))[1]
    assert sentence == "Your account was locked for a while where somebody had guessed too often."
    assert note == "for 30 minutes · 198.51.100.7"


def test_whoever_moves_in_made_their_own_account(house: House) -> None:
    stranger = Actor.stranger(door=Door.PAGE, address="198.51.100.7")
    record(house, stranger, Action.PERSON_CREATED, subject=f"user:{house.id_of('cleo')}")
    assert sentences(house, "cleo")[0] == "Your account was made."
    assert sentences(house, "cleo")[1] == "Whoever looks after the server made your account."


def test_rooms_are_named_as_long_as_i_am_in_them(house: House) -> None:
    room = house.room("ben", "cleo", name="Surprise party")
    cleo = house.client("cleo")
    assert ("Ben added you to a room.", "Surprise party") in shown(cleo)

    house.act(remove_member, house.actor("ben"), room, house.id_of("cleo"))

    seen = shown(cleo)
    assert seen[0] == ("Ben took you out of a room.", "")
    assert ("Ben added you to a room.", "") in seen
    house.act(leave_room, house.actor("ben"), room)
    assert "Surprise" not in str(shown(house.client("ben")))


@pytest.mark.parametrize("reader", ["ben", "gus", "olga", "ada"])
def test_nobody_sees_anybody_elses(house: House, reader: str) -> None:
    before = of(house, reader)
    for name in set(CAST) - {reader}:
        actor = replace(house.actor(name), address=f"198.51.100.{house.id_of(name)}")
        record(house, actor, Action.PASSWORD_CHANGE, subject=f"user:{actor.user_id}")
        record(house, Actor.operator(), Action.API_TOKEN_REVOKED, subject="token:1", about=actor.user_id)
    assert of(house, reader) == before
    page = house.client(reader).get("/me/history").text
    assert "198.51.100." not in page


def test_a_stranger_is_sent_to_the_sign_in_page(house: House) -> None:
    assert house.client().get("/me/history").location.startswith("/sign-in")


def test_somebody_who_left_has_no_name_any_more(house: House) -> None:
    record(house, house.actor("ada"), Action.SESSION_REVOKED, subject=f"user:{house.id_of('ben')}")
    with house.rows() as session, transaction():
        session.get(User, house.id_of("ada")).erased_at = clock.now()
    assert sentences(house, "ben")[0] == "Someone who left signed out a device of yours."


def test_an_erased_persons_rows_still_read_well(house: House) -> None:
    ben = house.id_of("ben")
    house.act(change_role, Actor.operator(), ben, Role.GUEST)
    house.act(audit.erase_person, ben)
    newest = of(house, "ben").happenings[0]
    assert newest.sentence == "Whoever looks after the server changed what you may do here."
    assert (newest.note, newest.device, newest.address) == ("", "", "")


# every action


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("locale", ["en", "de"])
def test_every_action_has_a_plain_sentence_whoever_did_it(house: House, action: Action, locale: str) -> None:
    ben, ada = house.id_of("ben"), house.id_of("ada")
    actors = [house.actor("ben"), house.actor("ada"), Actor.operator(), Actor.stranger(door=Door.PAGE)]
    for actor in actors:
        record(house, actor, action, subject="token:1", about=ben)
    record(house, house.actor("ben"), action, subject=f"user:{ada}")
    with house.app.test_request_context(), force_locale(locale):
        said = [each.sentence for each in own_history(house.actor("ben")).happenings[:5]]
    for sentence in said:
        assert re.fullmatch(r"[A-ZÄÖÜ][^%{}<>]+[.]", sentence)
        assert "_" not in action.value or action.value not in sentence
        assert not re.search(r"\b(session|subject|API|2FA|TOTP|actor|audit_)\b", sentence), "jargon"
    if locale == "de":
        assert str(SENTENCES[action].mine) not in said, "not translated"


def test_there_is_a_sentence_for_each_action_and_for_nothing_else() -> None:
    assert set(SENTENCES) == set(Action)


# paging


def test_older_pages_follow_without_gap_and_lead_back(house: House) -> None:
    for number in range(70):
        actor = replace(house.actor("ben"), address=f"number {number:03d}")
        record(house, actor, Action.LOGOUT, subject=f"user:{house.id_of('ben')}")
    browser = house.client("ben")
    path: str | None = "/me/history"
    seen: list[str] = []
    pages = 0
    while path is not None:
        seen += re.findall(r"number \d{3}", browser.get(path).text)
        pages += 1
        older = re.search(r'href="(/me/history\?before=\d+)">Older</a>', browser.get(path).text)
        assert ("To the newest" in browser.get(path).text) is (pages > 1)
        path = older[1] if older else None
    assert seen == [f"number {number:03d}" for number in reversed(range(70))]
    assert pages == 3
    end = browser.get("/me/history?before=1").text
    assert "Nothing further back" in end
    assert browser.get("/me/history?before=what").status_code == 422


def test_ones_own_page_leads_there(house: House) -> None:
    assert 'href="/me/history"' in house.client("gus").get("/me").text


def test_a_moment_is_the_one_at_which_it_happened(house: House) -> None:
    with clock.moved(timedelta(days=-3)):
        at = clock.now()
        record(house, house.actor("ben"), Action.LOGOUT, subject=f"user:{house.id_of('ben')}")
    stamp = at.strftime("%Y-%m-%dT%H:%M")
    assert f'<time datetime="{stamp}' in house.client("ben").get("/me/history").text
