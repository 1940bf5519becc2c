"""The admin panel: who comes in, what stands on its pages, and that each act there is the action of all doors."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from homechat import audit, clock, settings
from homechat.accounts.lockout import note_failure
from homechat.accounts.models import Standing, User
from homechat.accounts.proof_models import ResetLink
from homechat.actor import Actor, Door, Role
from homechat.admin.log_sentences import SENTENCES
from homechat.audit import Action, AuditLog
from homechat.database import transaction
from homechat.errors import Forbidden, NotFound
from homechat.household.accounts import account, accounts
from homechat.household.log_reading import read_log
from homechat.lockdown import Kind, Lockdown, in_force
from homechat.operations.lockdown import sign_everybody_out
from homechat.operations.lockdown import start as lock_down
from homechat.operations.overview import overview
from homechat.security.policy import RoomKind
from tests.api_client import Program, new_token
from tests.attempts import ATTEMPTS, a_bot, everything_in, somebody_waiting
from tests.conftest import close
from tests.house import Browser, House, copy_house

LATER = timedelta(minutes=15, seconds=1)
UTC = ZoneInfo("UTC")
STRANGER = Actor.stranger(door=Door.PAGE, address="203.0.113.9", user_agent="curl/8")
ADMIN_ATTEMPTS = sorted(endpoint for endpoint in ATTEMPTS if endpoint.startswith("admin."))


def pages(house: House) -> list[str]:
    """Return the address of every page of the panel."""
    rules = [rule for rule in house.app.url_map.iter_rules() if rule.endpoint.startswith("admin.")]
    shown = [rule for rule in rules if "GET" in (rule.methods or ())]
    assert len(shown) >= 7, "the walk has lost its way"
    numbers = {"<int:user_id>": house.id_of("ben"), "<int:bot_id>": a_bot(house)}
    return [re.sub(r"<int:\w+>", lambda found: str(numbers[found[0]]), rule.rule) for rule in shown]


def entries(house: House, action: Action) -> list[AuditLog]:
    return house.act(audit.entries, action=action)


def person(house: House, name: str = "ben") -> str:
    return f"/admin/people/{house.id_of(name)}"


def text_of(reply: Any) -> str:
    """Return what can be read on the page beside the list of conversations, in one line."""
    main = reply.text.partition('id="main"')[2]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


# who comes in


def test_an_admin_sees_every_page_and_the_way_to_it(house: House) -> None:
    ada = house.client("ada")
    assert 'href="/admin"' in ada.get("/").text
    for path in pages(house):
        assert ada.get(path).status_code == 200, path


@pytest.mark.parametrize("name", ["ben", "gus", "olga"])
def test_to_everybody_else_there_is_nothing_here(house: House, name: str) -> None:
    browser = house.client(name)
    nothing = browser.get("/admin-that-is-not-there", headers={"Accept": "application/json"})
    for path in pages(house):
        reply = browser.get(path, headers={"Accept": "application/json"})
        assert (reply.status_code, reply.json) == (404, nothing.json), path
    assert 'href="/admin"' not in browser.get("/").text


def test_a_stranger_is_led_to_the_door(house: House) -> None:
    for path in pages(house):
        assert house.client().get(path).location.startswith("/sign-in?next=")


def test_after_15_minutes_the_panel_asks_who_it_is_and_leads_on(house: House) -> None:
    ada = house.client("ada")
    with clock.moved(LATER):
        for path in pages(house):
            reply = ada.get(path)
            assert (reply.status_code, reply.location) == (303, f"/confirm?next={path}")


@pytest.mark.parametrize("endpoint", ADMIN_ATTEMPTS)
def test_no_act_of_the_panel_works_for_a_member_or_on_a_borrowed_phone(house: House, endpoint: str) -> None:
    attempt = ATTEMPTS[endpoint](house)
    ada, ben = house.client("ada"), house.client("ben")
    token = ada.form_token("/me")
    before = everything_in(house)

    assert ben.post(attempt.path, attempt.form).status_code == 404
    assert everything_in(house) == before
    with clock.moved(LATER):
        before = everything_in(house)
        asked = post(ada, token, attempt.path, attempt.form)
        assert asked.status_code == 403
        assert "Is it still you" in asked.text
        assert everything_in(house)["audit_logs"] == before["audit_logs"]
        assert f'name="then" value="{attempt.path}"' in asked.text
        for name, value in attempt.form.items():
            assert f'name="{name}" value="{value}"' in asked.text, "what was typed comes along"


def post(browser: Browser, token: str, path: str, form: dict[str, Any]) -> Any:
    return browser.client.post(
        path,
        data={"csrf_token": token, **form},
        base_url="https://localhost",
        headers={"Referer": "https://localhost/"},
    )


def test_who_loses_the_role_finds_nothing_from_then_on(house: House) -> None:
    with house.rows() as session, transaction():
        session.execute(sa.update(User).where(User.username == "cleo").values(role=Role.ADMIN))
    cleo, ada = house.client("cleo"), house.client("ada")
    assert cleo.get("/admin").status_code == 200

    ada.post(f"{person(house, 'cleo')}/role", {"role": "member"})

    assert cleo.get("/admin").status_code == 404


def test_nobody_reads_what_is_for_those_who_run_the_house_by_another_way(house: House) -> None:
    ben = house.actor("ben")
    for ask in (lambda: accounts(ben), lambda: account(ben, 1)):
        with pytest.raises(Forbidden):
            house.act(ask)
    with pytest.raises(NotFound):
        house.act(overview, ben, zone=UTC)
    with pytest.raises(NotFound):
        house.act(read_log, ben, audit.Filters())


# the house at a glance


def test_one_look_tells_how_the_house_is(house: House) -> None:
    somebody_waiting(house)
    house.client("ben")
    house.client("ben")
    house.say("ben", house.home().id, "Hello")
    new_token(house, "ben")
    house.turn_on_second_step("cleo")
    ada = house.client("ada")

    seen = house.act(overview, house.actor("ada"), zone=UTC)

    people = seen.people
    assert (people.active, people.waiting, people.locked, people.second_steps) == (5, 1, 0, 1)
    assert (seen.here, seen.windows, seen.devices, seen.tokens, seen.messages_today) == (1, 0, 3, 1, 1)
    page = text_of(ada.get("/admin"))
    assert "1 person waits to be let in" in page
    assert "People 5 1 waits" in page
    assert "Second step 1 of 5 people" in page


def test_when_nothing_wants_a_look_it_says_so(house: House) -> None:
    house.turn_on_second_step("ada")
    page = text_of(house.client("ada").get("/admin"))
    assert "All is well" in page
    assert "None within 24 hours." in page


def test_failed_sign_ins_are_counted_by_day_and_guesses_show(house: House) -> None:
    for days, times in ((3, 2), (1, 1), (0, 6)):
        with clock.moved(-timedelta(days=days)):
            fail(house, "ben", times)

    seen = house.act(overview, house.actor("ada"), zone=UTC)

    counts = {each.day: each.count for each in seen.failed_by_day}
    today = clock.now().date()
    assert len(counts) == 7
    assert list(counts)[-1] == today
    assert counts[today] == 6
    assert counts[today - timedelta(days=3)] == 2
    assert sum(counts.values()) == 9
    assert seen.failed >= 6
    page = text_of(house.client("ada").get("/admin"))
    assert "1 account is locked for a while" in page
    assert re.search(rf"{today.day} \w+: 6", page), "each bar in words"


def fail(house: House, name: str, times: int) -> None:
    user = house.person(name)
    for _ in range(times):
        with house.app.app_context(), transaction():
            note_failure(STRANGER, user, Action.LOGIN_FAILED)


def test_a_lockdown_is_the_first_thing_one_sees_and_opens_from_there(house: House) -> None:
    house.act(lock_down, Actor.operator(), Kind.USERS, reason="A tablet was lost")
    ada = house.client("ada")
    page = text_of(ada.get("/admin"))
    assert page.index("The house is closed") < page.index("People 5")
    assert "A tablet was lost" in page
    assert house.client("ben").get("/").status_code == 423

    ada.post("/admin/lockdown/lift")

    assert "The house is closed" not in text_of(ada.get("/admin"))
    assert house.client("ben").get("/").status_code == 200


# people


def test_who_waits_is_let_in_or_turned_away(house: House) -> None:
    nora, otto = somebody_waiting(house, "nora"), somebody_waiting(house, "otto")
    ada = house.client("ada")
    page = text_of(ada.get("/admin/people"))
    assert page.index("At the door") < page.index("Nora") < page.index("@ada")

    assert ada.post(f"/admin/people/{nora}/approve").location == "/admin/people?done=approved"
    assert ada.post(f"/admin/people/{otto}/refuse").location == "/admin/people?done=refused"

    assert house.person("nora").standing == Standing.ACTIVE
    page = text_of(ada.get("/admin/people"))
    assert "Nora" in page
    assert "Otto" not in page
    assert [row.actor_id for row in entries(house, Action.PERSON_APPROVED)] == [house.id_of("ada")]
    assert ada.post(f"/admin/people/{nora}/approve").status_code == 404


def test_people_are_found_by_a_piece_of_their_name(house: House) -> None:
    with house.rows() as session, transaction():
        session.execute(sa.update(User).where(User.username == "cleo").values(display_name="Kλεώ Öztürk"))
    ada = house.client("ada")

    def found(wanted: str) -> list[str]:
        seen = house.act(accounts, house.actor("ada"), matching=wanted)
        return [each.person.username for each in seen]

    assert found("öZ") == ["cleo"]
    assert found("@be") == ["ben"]
    assert found("nobody at all") == []
    assert set(found(" ")) == {"ada", "ben", "cleo", "gus", "rex", "olga"}
    assert "Nobody is called that" in ada.get("/admin/people?q=<script>").text
    assert '<script>"' not in ada.get("/admin/people?q=<script>").text


def test_an_account_shows_how_it_stands_and_what_happened_to_it(house: House) -> None:
    house.turn_on_second_step("ben")
    house.client("ben")
    ada = house.client("ada")

    page = text_of(ada.get(person(house)))

    assert "@ben Family second step 1 device" in page
    assert "Ben signed in." in page
    assert "Ben turned their second step on." in page
    assert "Cleo" not in page.partition("What happened lately")[2]


@pytest.mark.parametrize(
    ("act", "form", "action", "detail"),
    [
        ("role", {"role": "guest"}, Action.ROLE_CHANGE, {"from": "member", "to": "guest"}),
        ("lock", {}, Action.ACCOUNT_LOCKED, {}),
        ("sign-out", {}, Action.ADMIN_ACTION, {"what": "sign_out", "devices": 1, "tokens": 0}),
        ("reset-two-factor", {}, Action.TWO_FACTOR_DISABLED, {}),
        ("reset-link", {}, Action.RESET_LINK_CREATED, {"clears_two_factor": False}),
    ],
)
def test_each_act_through_the_page_is_done_and_written_down(
    house: House, act: str, form: dict[str, str], action: Action, detail: dict[str, Any]
) -> None:
    house.turn_on_second_step("ben")
    ben, ada = house.client("ben"), house.client("ada")
    already = len(entries(house, action))

    reply = ada.post(f"{person(house)}/{act}", form)

    assert reply.status_code in (200, 302)
    row, *_ = written = entries(house, action)
    assert len(written) == already + 1
    assert (row.subject, row.detail) == (f"user:{house.id_of('ben')}", detail)
    assert (row.actor_id, row.door) == (house.id_of("ada"), "page")
    if reply.status_code == 302:
        assert 'role="status"' in ada.get(reply.location).text
    is_cut = act in ("lock", "sign-out", "reset-two-factor")
    assert (ben.get("/me").status_code == 302) is is_cut
    after = house.person("ben")
    assert after.role == ("guest" if act == "role" else "member")
    assert after.standing == ("locked" if act == "lock" else "active")
    assert (after.two_factor_since is None) is (act == "reset-two-factor")


def test_somebody_who_is_in_an_app_only_is_signed_out_there_too(house: House) -> None:
    ada, app = house.client("ada"), Program(house)
    assert f"{person(house)}/sign-out" not in ada.get(person(house)).text
    assert app.sign_in("ben").status_code == 200
    page = ada.get(person(house)).text
    assert "1 program of theirs is signed in." in page
    assert f"{person(house)}/sign-out" in page

    ada.post(f"{person(house)}/sign-out")

    assert app.get("/me").status_code == 401
    assert "Not signed in anywhere." in ada.get(person(house)).text


def test_an_app_that_nobody_used_for_90_days_is_signed_in_no_more(house: House) -> None:
    assert Program(house).sign_in("ben").status_code == 200
    ada = house.actor("ada")
    for days, apps in ((89, 1), (90, 0)):
        with clock.moved(timedelta(days=days)):
            assert house.act(account, ada, house.id_of("ben")).apps == apps
            assert house.act(sign_everybody_out, Actor.operator(), dry_run=True)[0] == apps


def test_a_locked_person_is_unlocked_and_so_is_one_who_was_guessed_at(house: House) -> None:
    ada = house.client("ada")
    ada.post(f"{person(house)}/lock")
    assert "is locked and can't come in" in ada.get(person(house)).text
    fail(house, "cleo", 5)
    assert "Somebody guessed the password too often" in ada.get(person(house, "cleo")).text

    for name in ("ben", "cleo"):
        assert ada.post(f"{person(house, name)}/unlock").status_code == 302

    assert house.person("ben").standing == "active"
    assert house.act(account, house.actor("ada"), house.id_of("cleo")).locked_out_until is None
    assert len(entries(house, Action.ACCOUNT_UNLOCKED)) == 2


def test_a_reset_link_is_shown_once_as_text_and_drawing_and_works(house: House) -> None:
    house.turn_on_second_step("ben")
    ada = house.client("ada")

    page = ada.post(f"{person(house)}/reset-link", {"clears_two_factor": "on"})

    found = re.search(r'value="(http://localhost/reset/([\w-]+))"', page.text)
    assert found
    assert '<svg class="qr" role="img"' in page.text
    assert "takes the second step away, too" in text_of(page)
    assert found[2] not in ada.get(person(house)).text
    with house.rows() as session:
        assert session.scalars(sa.select(ResetLink)).one().clears_two_factor
    stranger = house.client()
    path = f"/reset/{found[2]}"
    assert stranger.post(path, {"password": "three calm herons"}, form_on=path).status_code == 302
    signed_in = house.client().post(
        "/sign-in", {"username": "ben", "password": "three calm herons"}, form_on="/sign-in"
    )
    assert signed_in.location == "/"


def test_a_role_that_does_not_exist_is_refused_where_it_was_chosen(house: House) -> None:
    reply = house.client("ada").post(f"{person(house)}/role", {"role": "king"})
    assert reply.status_code == 422
    assert "Choose one of the roles." in reply.text
    assert house.person("ben").role == "member"


def test_nobody_does_it_to_themselves_and_a_sentence_says_why(house: House) -> None:
    ada = house.client("ada")
    page = ada.get(person(house, "ada"))
    assert "You are the only one who runs the house" in page.text
    assert f'action="{person(house, "ada")}' not in page.text
    before = everything_in(house)
    for act in ("role", "lock", "unlock", "sign-out", "reset-link", "reset-two-factor"):
        assert ada.post(f"{person(house, 'ada')}/{act}", {"role": "guest"}).status_code == 403, act
    assert everything_in(house) == before
    ada.post(f"{person(house)}/role", {"role": "admin"})
    assert "Nobody does these things to their own account." in ada.get(person(house, "ada")).text


def test_a_bot_has_no_password_and_no_role_to_give(house: House) -> None:
    ada = house.client("ada")
    page = ada.get(person(house, "rex")).text
    offered = re.findall(rf'action="{person(house, "rex")}/([\w-]+)"', page)
    assert offered == ["lock"]
    assert ada.post(f"{person(house, 'rex')}/reset-link").status_code == 409
    assert ada.post(f"{person(house, 'rex')}/role", {"role": "admin"}).status_code == 409


def test_who_waits_is_let_in_from_the_list_and_nobody_of_that_number_is_not_found(house: House) -> None:
    nora = somebody_waiting(house)
    ada = house.client("ada")
    assert "Waits at the door" in ada.get(f"/admin/people/{nora}").text
    ada.post(f"/admin/people/{nora}/refuse")
    for number in (nora, 0, 999_999, 10**17):
        assert ada.get(f"/admin/people/{number}").status_code == 404


# tokens


def test_every_token_is_listed_with_what_it_may_do_and_can_be_revoked(house: House) -> None:
    row, spelled = new_token(house, "ben")
    program = Program(house, spelled)
    assert program.get("/me").status_code == 200
    ada = house.client("ada")
    page = text_of(ada.get("/admin/tokens"))
    assert row.name in page
    assert "of Ben" in page
    assert f"hc_{row.prefix}_…" in page
    assert spelled not in ada.get("/admin/tokens").text

    assert ada.post(f"/admin/tokens/{row.id}/revoke").location == "/admin/tokens?done=revoked"

    assert program.get("/me").status_code == 401
    assert "No tokens yet" in ada.get("/admin/tokens").text
    revoked = entries(house, Action.API_TOKEN_REVOKED)
    assert [(each.actor_id, each.about_id) for each in revoked] == [(house.id_of("ada"), house.id_of("ben"))]
    assert ada.post(f"/admin/tokens/{row.id}/revoke").status_code == 404


# the log


def test_every_action_has_its_words(house: House) -> None:
    assert set(SENTENCES) == set(Action)
    for action, sentences in SENTENCES.items():
        for sentence in (sentences.alone, sentences.to):
            if sentence is not None:
                said = str(sentence) % {"who": "Ada", "whom": "Ben"}
                assert said.endswith("."), action


def test_the_log_is_read_in_sentences_with_who_when_and_where(house: House) -> None:
    ada = house.client("ada")
    fail(house, "ben", 1)
    ada.post(f"{person(house)}/role", {"role": "guest"})

    page = text_of(ada.get("/admin/audit"))

    assert "Ada changed what Ben may do here." in page
    assert "Somebody tried to sign in as Ben and failed." in page
    assert "203.0.113.9" in page
    assert page.index("Ada changed what") < page.index("Somebody tried"), "the newest first"


def test_filters_narrow_what_is_shown_and_stay_in_the_form(house: House) -> None:
    ada = house.client("ada")
    house.client("cleo")
    fail(house, "ben", 2)

    def found(query: str) -> list[str]:
        page = ada.get(f"/admin/audit?{query}").text
        return re.findall(r'class="entry__sentence" dir="auto">([^<]+)<', page)

    failed = "Somebody tried to sign in as Ben and failed."
    assert found("action=login_failed") == [failed] * 2
    assert found("address=203.0.113.9") == [failed] * 2
    assert found(f"person={house.id_of('cleo')}")[0] == "Cleo signed in."
    assert "The house was founded, with Ada to run it." in found("door=cli")
    assert failed not in found("door=cli")
    assert failed in found("person=nobody")
    assert "Cleo signed in." not in found("person=nobody")
    today, tomorrow = clock.now().date(), clock.now().date() + timedelta(days=1)
    assert failed in found(f"since={today}&until={today}")
    assert found(f"since={tomorrow}") == []
    assert found(f"until={today - timedelta(days=1)}") == []
    page = ada.get("/admin/audit?action=login_failed&address=203.0.113.9").text
    assert '<option value="login_failed" selected>' in page
    assert 'value="203.0.113.9"' in page


@pytest.mark.parametrize(
    "query",
    ["since=2026-99-01", "since=9999-12-31&until=9999-12-31", "action=%00", "person=x", "door=window"],
)
def test_a_filter_that_makes_no_sense_breaks_nothing(house: House, query: str) -> None:
    assert house.client("ada").get(f"/admin/audit?{query}").status_code == 200


def test_older_entries_are_a_page_further_on_with_the_same_filters(house: House) -> None:
    fail(house, "gus", 40)
    ada = house.client("ada")
    first = ada.get("/admin/audit?action=login_failed").text
    older = re.search(r'href="(/admin/audit\?[^"]*before=[^"]*)">Older', first)
    assert older
    second = ada.get(older[1].replace("&amp;", "&")).text
    assert "To the newest" in second
    numbers = [
        {int(number) for number in re.findall(r'<dt>id</dt><dd><code dir="ltr">(\d+)<', page)}
        for page in (first, second)
    ]
    assert [len(page) for page in numbers] == [30, 10]
    assert min(numbers[0]) > max(numbers[1])


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_the_log_is_taken_out_with_the_filters_and_that_is_written_down(house: House, form: str) -> None:
    fail(house, "ben", 2)
    ada = house.client("ada")

    reply = ada.post("/admin/audit/export", {"format": form, "action": "login_failed"})

    assert reply.headers["Content-Disposition"].endswith(f'.{form}"')
    rows = (
        list(csv.DictReader(io.StringIO(reply.text)))
        if form == "csv"
        else [json.loads(line) for line in reply.text.splitlines()]
    )
    assert [(row["action"], row["about"]) for row in rows] == [("login_failed", "ben")] * 2
    exported = entries(house, Action.EXPORT)
    assert [(row.actor_id, row.detail) for row in exported] == [
        (house.id_of("ada"), {"what": "audit_log", "rows": 2})
    ]


def test_an_export_of_nothing_known_is_refused(house: House) -> None:
    ada = house.client("ada")
    for form in ({"format": "exe"}, {"format": "csv", "since": "yesterday"}, {}):
        assert ada.post("/admin/audit/export", form).status_code == 422
    assert entries(house, Action.EXPORT) == []


def test_the_chain_is_checked_from_the_page_and_the_overview_remembers(house: House) -> None:
    ada = house.client("ada")
    assert "Nobody has looked yet" in ada.get("/admin").text

    assert "The log is whole." in ada.post("/admin/audit/check").text
    assert "nobody had changed or removed anything" in ada.get("/admin").text

    with house.rows() as session, transaction():
        session.execute(sa.text("DROP TRIGGER audit_logs_no_change"))
        session.execute(sa.text("UPDATE audit_logs SET action = 'logout' WHERE id = 2"))
    page = ada.post("/admin/audit/check")
    assert 'role="alert"' in page.text
    assert "entry 2" in page.text
    assert "Somebody changed or removed something in the log" in ada.get("/admin").text


# settings


class Fields(HTMLParser):
    """Every field of the page's forms by its name, with what a browser would send."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        name = dict(attrs).get("name")
        if tag in ("input", "select", "textarea") and name:
            self.names.add(name)


def test_every_setting_of_the_household_stands_in_the_form(house: House) -> None:
    ada = house.client("ada")
    names = {name for page in ("/admin/settings", "/admin/bots") for name in Fields(ada.get(page).text).names}
    assert {each.key for each in settings.PUBLIC_SETTINGS} <= names


def test_settings_are_saved_and_only_what_changed_is_written_down(house: House) -> None:
    ada = house.client("ada")
    form = {
        "house_name": "Lindenhof 7",
        "house_timezone": "Europe/Vienna",
        "members_invite": ["off", "on"],
        "members_create_rooms": "off",
        "sign_up_open": "off",
        "two_factor_required": "admins",
        "audit_days": "400",
    }

    assert ada.post("/admin/settings", form).location == "/admin/settings?done=saved"

    assert house.act(settings.value_of, settings.HOUSE_NAME) == "Lindenhof 7"
    assert house.act(settings.value_of, settings.MEMBERS_INVITE) is True
    assert house.act(settings.value_of, settings.MEMBERS_CREATE_ROOMS) is False
    assert house.act(settings.value_of, settings.TWO_FACTOR_REQUIRED) == "admins"
    assert house.act(settings.value_of, settings.AUDIT_DAYS) == 400
    changed = {row.subject for row in entries(house, Action.SETTINGS_CHANGE) if row.actor_id}
    assert changed == {f"setting:{key}" for key in (*form, "house_name") if key != "sign_up_open"}


def test_bad_input_changes_nothing_and_stays_in_the_form(house: House) -> None:
    ada = house.client("ada")
    before = everything_in(house)

    reply = ada.post(
        "/admin/settings",
        {
            "house_name": "A lovely new name",
            "audit_days": "7",
            "house_timezone": "Mars/North",
            "members_invite": "on",
        },
    )

    assert reply.status_code == 422
    assert "Say a number from 90 to 2190." in reply.text
    assert "There is no such time zone." in reply.text
    assert 'value="A lovely new name"' in reply.text
    assert 'value="7"' in reply.text
    assert everything_in(house) == before


# lockdown


def test_what_would_happen_is_shown_and_nothing_does(house: House) -> None:
    house.client("ben")
    ada = house.client("ada")
    before = everything_in(house)

    page = text_of(ada.post("/admin/lockdown", {"kind": "all", "hours": "24", "act": "show"}))

    assert "4 people have to wait" in page
    assert "1 person who runs the house can still come in" in page
    assert "Nothing has happened yet." in page
    assert everything_in(house) == before


@pytest.mark.parametrize("kind", list(Kind))
def test_the_house_is_closed_from_the_page_and_opened_again(house: House, kind: Kind) -> None:
    ada = house.client("ada")
    reply = ada.post(
        "/admin/lockdown", {"kind": kind, "hours": "6", "reason": "Just in case", "act": "start"}
    )
    assert reply.location == "/admin/lockdown?done=closed"
    page = text_of(ada.get(reply.location))
    assert "You are still in." in page
    assert "Just in case" in page
    with house.rows():
        assert [(each.kind, each.reason) for each in in_force(clock.now())] == [(kind, "Just in case")]
    assert [row.actor_id for row in entries(house, Action.LOCKDOWN)] == [house.id_of("ada")]

    assert ada.post("/admin/lockdown/lift").location == "/admin/lockdown?done=lifted"

    with house.rows():
        assert in_force(clock.now()) == []
    assert "Just in case" in text_of(ada.get("/admin/lockdown")).partition("Before")[2]
    assert len(entries(house, Action.LOCKDOWN_LIFTED)) == 1


def test_everybody_is_signed_out_once_but_whoever_asked_for_it(house: House) -> None:
    ben, ada = house.client("ben"), house.client("ada")
    shown = text_of(ada.post("/admin/lockdown", {"kind": "sessions", "act": "show"}))
    assert "1 device is signed out for good 1 person has to sign in again" in shown

    assert ada.post("/admin/lockdown", {"kind": "sessions", "act": "start"}).location.endswith("signed-out")

    assert ben.get("/me").status_code == 302
    assert ada.get("/me").status_code == 200
    with house.rows() as session:
        assert session.scalars(sa.select(Lockdown)).all() == []


def test_a_lockdown_that_makes_no_sense_is_refused_and_stays_in_the_form(house: House) -> None:
    ada = house.client("ada")
    before = everything_in(house)
    for form, words in (
        ({"kind": "nothing", "act": "start"}, "Choose what to close."),
        ({"kind": "users", "hours": "9999", "act": "start"}, "A lockdown lasts from 1 hour"),
        ({"kind": "users", "reason": "x" * 300, "act": "start"}, "Keep it to 200 characters."),
        ({"kind": "users", "hours": "soon", "act": "show"}, "Type a number."),
    ):
        reply = ada.post("/admin/lockdown", form)
        assert reply.status_code == 422, form
        assert words in reply.text
    assert 'value="users" checked' in reply.text
    assert everything_in(house) == before


# what is nobody's business


@pytest.fixture
def secretive(cast_folder: Any, tmp_path: Any) -> Iterator[House]:
    """A house in which much goes on that those who run it are not to know."""
    house = House(copy_house(cast_folder, tmp_path / "secretive"))
    room = house.room("ben", "cleo", name="Surprise-canary-room", description="Description-canary")
    direct = house.direct("ben", "cleo")
    for place in (room, direct, house.home().id):
        house.say("ben", place, f"Body-canary in {place}")
    house.add("ben", room, "gus")
    house.client("ben").post(f"/rooms/{room}/details", {"name": "Surprise-canary-again", "description": ""})
    house.client("cleo").post(f"/rooms/{room}/leave")
    new_token(house, "ben", "messages:read", room_ids=[room])
    yield house
    close(house)


def test_no_page_of_the_panel_tells_of_private_rooms_or_of_what_was_said(secretive: House) -> None:
    house, ada = secretive, secretive.client("ada")
    seen: set[str] = set()
    waiting = ["/admin", *pages(house), *(person(house, name) for name in ("cleo", "gus"))]
    while waiting:
        path = waiting.pop().partition("#")[0].replace("&amp;", "&")
        if path in seen:
            continue
        seen.add(path)
        reply = ada.get(path)
        assert reply.status_code == 200, path
        assert "canary" not in reply.text.partition('id="main"')[2], path
        waiting += re.findall(r'href="(/admin[^"]*)"', reply.text)
    assert len(seen) > 12, "the walk has lost its way"
    for action in Action:
        assert "canary" not in text_of(ada.get(f"/admin/audit?action={action}"))
    for form in audit.FORMATS:
        assert "canary" not in ada.post("/admin/audit/export", {"format": form}).text


def test_who_is_in_a_private_room_is_not_in_the_log_that_admins_read(secretive: House) -> None:
    house, ada = secretive, secretive.client("ada")
    with house.rows() as session:
        rooms = f"{RoomKind.PRIVATE}"
        private = session.scalars(sa.text("SELECT id FROM rooms WHERE kind = :kind"), {"kind": rooms}).all()
        written = session.scalars(
            sa.select(AuditLog.subject).where(AuditLog.subject.startswith("room:"))
        ).all()
    subjects = {f"room:{room_id}" for room_id in private}
    assert subjects & set(written), "there is something to hide"

    shown = {
        row.subject for row in house.act(read_log, house.actor("ada"), audit.Filters(), limit=100).entries
    }
    exported = ada.post("/admin/audit/export", {"format": "jsonl"}).text

    assert not subjects & shown
    assert not subjects & {json.loads(line)["subject"] for line in exported.splitlines()}
    everything = house.act(read_log, Actor.operator(), audit.Filters(), limit=100).entries
    assert subjects & {row.subject for row in everything}, "the operator has the whole file"


def test_the_number_of_messages_counts_private_ones_and_names_nothing(secretive: House) -> None:
    seen = secretive.act(overview, secretive.actor("ada"), zone=UTC)
    assert seen.messages_today == 3


def test_the_accounts_of_those_who_left_are_not_there(house: House) -> None:
    with house.rows() as session, transaction():
        session.execute(sa.update(User).where(User.username == "gus").values(erased_at=clock.now()))
    assert "gus" not in [each.person.username for each in house.act(accounts, house.actor("ada"))]
