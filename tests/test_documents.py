"""The documents are true: every event, field, setting, right and audit action is in them, and nothing besides."""

from __future__ import annotations

import dataclasses
import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from homechat import audit, clock, config, lockdown, settings
from homechat.actor import Role
from homechat.api.endpoints import ENDPOINTS, Who
from homechat.app import build_app  # noqa: F401  (importing it registers every event)
from homechat.config_fields import shown
from homechat.doors.events import EVENTS
from homechat.lockdown import InForce, Kind
from homechat.operations.lockdown import SESSIONS
from homechat.realtime import events
from homechat.realtime.events import ServerEvent
from homechat.security.policy import (
    EVENT_SCOPES,
    HOUSE_RIGHTS,
    SCOPES,
    HouseRight,
    RoomFacts,
    RoomKind,
    RoomRight,
    RoomRole,
    Scope,
    room_rights,
)
from tests.house import House

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def section(document: str, heading: str = "") -> str:
    """Return the text below a heading of the second level, or the whole document."""
    text = (DOCS / document).read_text(encoding="utf-8")
    return text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0] if heading else text


def rows(document: str, heading: str = "") -> dict[str, str]:
    """Return the table rows below a heading: the first cell's name → the other cells."""
    return dict(re.findall(r"^\| `([^`]+)` \|(.*)\|$", section(document, heading), re.MULTILINE))


# events


def server_events() -> dict[str, type[ServerEvent]]:
    return {event.event_name: event for event in vars(events).values() if _is_event(event)}


def _is_event(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, ServerEvent) and value is not ServerEvent


def test_the_realtime_document_names_every_event_that_clients_may_send() -> None:
    assert set(rows("realtime.md", "From the client")) == set(EVENTS)


def test_the_realtime_document_names_every_field_that_clients_may_send() -> None:
    documented = rows("realtime.md", "From the client")
    for name, event in EVENTS.items():
        first_cell = documented[name].split("|")[0]
        assert {field for field in event.schema.fields if f"`{field}`" not in first_cell} == set(), name


def test_the_realtime_document_names_every_event_that_the_server_tells() -> None:
    assert set(rows("realtime.md", "From the server")) == set(server_events())


def test_the_realtime_document_names_every_field_that_the_server_tells() -> None:
    documented = rows("realtime.md", "From the server")
    whole = section("realtime.md")
    for name, event in server_events().items():
        is_message = issubclass(event, events.MessagePosted)
        text = whole.split("### A message", 1)[1] if is_message else documented[name]
        fields = {field.name for field in dataclasses.fields(event)}
        assert {field for field in fields if f"`{field}`" not in text} == set(), name


# the audit log


def test_the_audit_document_names_every_action() -> None:
    assert set(rows("audit.md")) == {action.value for action in audit.Action}


# settings


def machine_fields() -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(config.Settings) if field.name != "origins"]


def machine_lines() -> list[str]:
    """Return the lines of the table of settings as the code has them."""
    return [
        f"| `{config.env_name(field.name)}` | {_default(field)} | {_unit(field)} | {field.metadata['meaning']} |"
        for field in machine_fields()
    ]


def household_lines() -> list[str]:
    """Return the lines of the table of household settings as the code has them."""
    return [
        f"| `{each.key}` | {_written(each.default)} | {each.meaning} |" for each in settings.PUBLIC_SETTINGS
    ]


def _default(field: dataclasses.Field[Any]) -> str:
    words: str = field.metadata["shown_default"]
    if words:
        return f"`{words}`" if "<" in words else words
    return _written(shown(field, field.default))


def _written(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`" if text else "none"


def _unit(field: dataclasses.Field[Any]) -> str:
    facts = field.metadata
    parts = [facts["unit"]] if facts["unit"] else []
    if facts["at_least"] is not None:
        parts.append(f"{facts['at_least']} to {facts['at_most']}")
    if facts["choices"]:
        parts.append(" or ".join(f"`{choice}`" for choice in facts["choices"]))
    if field.type is bool:
        parts.append("`true` or `false`")
    if facts["secret"]:
        parts.append("*secret*")
    return ", ".join(parts)


@pytest.mark.parametrize(
    ("heading", "lines"), [("Of the machine", machine_lines()), ("Of the household", household_lines())]
)
def test_the_settings_document_has_every_setting_as_the_code_has_it(heading: str, lines: list[str]) -> None:
    written = [line for line in section("settings.md", heading).splitlines() if line.startswith("| `")]

    missing = [line for line in lines if line not in written]

    assert not missing, "docs/settings.md lacks these lines:\n" + "\n".join(missing)
    assert written == lines, "docs/settings.md has lines besides, or in another order"


def test_every_setting_has_an_effect() -> None:
    code = "".join(
        file.read_text(encoding="utf-8")
        for file in (ROOT / "homechat").rglob("*.py")
        if not file.name.startswith("config")
    )

    assert [field.name for field in machine_fields() if not re.search(rf"\b{field.name}\b", code)] == []


# rights


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_permissions_document_says_who_has_each_right_in_the_house() -> None:
    documented = rows("permissions.md", "In the house")
    roles = [Role.ADMIN, Role.MEMBER, Role.GUEST, Role.BOT]

    assert set(documented) == {right.value for right in HouseRight}
    for right in HouseRight:
        _what, *answers = cells(documented[right])
        expected = ["yes" if role in HOUSE_RIGHTS[right] else "no" for role in roles]
        # A setting of the house may give more than the role does, and then the cell says which.
        assert [answer.split(",")[0] for answer in answers] == expected, right


def test_the_permissions_document_says_who_may_have_each_scope() -> None:
    documented = rows("permissions.md", "With a token")

    assert list(documented) == [scope.value for scope in Scope]
    for scope in Scope:
        _what, *answers = cells(documented[scope])
        expected = [
            "yes" if scope in SCOPES[role] else "no"
            for role in (Role.ADMIN, Role.MEMBER, Role.GUEST, Role.BOT)
        ]
        assert answers == expected, scope


def test_the_realtime_document_says_which_scope_each_event_needs() -> None:
    documented = rows("realtime.md", "From the client")
    assert {event: cells(row)[-1].strip("`") for event, row in documented.items()} == EVENT_SCOPES


def _documented(path: str) -> str:
    return re.sub("<[^>]+>", ":id", path.replace("<emoji>", ":emoji"))


def test_the_api_document_names_every_endpoint_and_what_it_needs() -> None:
    documented = dict(re.findall(r"^\| `([A-Z]+ /[^`]+)` \| ([^|]+) \|", section("api.md"), re.MULTILINE))
    needs = {Who.ANYBODY: "–", Who.ANY_TOKEN: "any token"}
    assert documented == {
        f"{it.method} {_documented(it.path)}": needs.get(it.needs, f"`{it.needs}`")
        for it in ENDPOINTS.values()
    }


def test_the_api_document_names_every_field_that_programs_may_send() -> None:
    documented = dict(
        re.findall(r"^\| `([A-Z]+ /[^`]+)` \| [^|]+ \| (.+) \|$", section("api.md"), re.MULTILINE)
    )
    for it in ENDPOINTS.values():
        text = documented[f"{it.method} {_documented(it.path)}"]
        fields = set(it.takes.fields if it.takes else ())
        if "#pages" in text:
            text += section("api.md").split("\n### Pages\n", 1)[1]
        assert {field for field in fields if f"`{field}`" not in text} == set(), it.path


# lockdowns


def test_the_lockdown_document_says_whose_token_works_in_each_kind() -> None:
    text = section("lockdown.md", "By a script")
    head, *table = [cells(line) for line in text.splitlines() if re.match(r"\| (?!-)", line)]
    kinds = [Kind(cell.strip("`")) for cell in head[1:]]
    roles = {
        "an admin": [Role.ADMIN],
        "a member or guest": [Role.MEMBER, Role.GUEST],
        "a bot, an admin's too": [Role.BOT],
    }

    assert set(kinds) == set(Kind)
    assert [who for who, *_ in table] == list(roles)
    for who, *answers in table:
        for (kind, answer), role in itertools.product(zip(kinds, answers, strict=True), roles[who]):
            now = clock.now()
            closed = [InForce(1, kind, "", now, None, now)]
            waits = lockdown.refusal(role, closed, has_token=True) is not None
            assert answer == ("waits" if waits else "works"), f"{role}, {kind}"


def test_the_lockdown_document_names_every_kind_that_a_script_may_ask_for() -> None:
    first = section("lockdown.md", "By a script").split("`kind` is ", 1)[1].split(";")[0]
    assert re.findall(r"`(\w+)`", first) == [*Kind, SESSIONS]


def test_the_permissions_document_explains_each_right_in_a_room() -> None:
    assert set(rows("permissions.md", "What one can do in a room")) == {right.value for right in RoomRight}


WHO: dict[str, list[tuple[Role, RoomRole | None]]] = {
    "Admin, not in it": [(Role.ADMIN, None)],
    "Member, not in it": [(Role.MEMBER, None)],
    "Guest, not in it": [(Role.GUEST, None)],
    "Bot, not in it": [(Role.BOT, None)],
    "Owner": [(Role.ADMIN, RoomRole.OWNER), (Role.MEMBER, RoomRole.OWNER)],
    "Admin, in it": [(Role.ADMIN, RoomRole.MEMBER)],
    "Member, in it": [(Role.MEMBER, RoomRole.MEMBER)],
    "Guest, in it": [(Role.GUEST, RoomRole.MEMBER), (Role.GUEST, RoomRole.OWNER)],
    "Bot, in it": [(Role.BOT, RoomRole.MEMBER), (Role.BOT, RoomRole.OWNER)],
}
ROOMS = {
    "Public": RoomFacts(RoomKind.PUBLIC),
    "home": RoomFacts(RoomKind.PUBLIC, is_home=True),
    "Private": RoomFacts(RoomKind.PRIVATE),
    "Direct": RoomFacts(RoomKind.DIRECT),
    "Archived": RoomFacts(RoomKind.PUBLIC, is_archived=True),
}


def test_the_permissions_document_says_who_may_do_what_in_a_room() -> None:
    table = [
        cells(line)
        for line in section("permissions.md", "In a room").splitlines()
        if line.startswith("|") and not line.startswith("|--")
    ]
    assert table[0] == ["Who", *ROOMS]
    assert [line[0] for line in table[1:]] == list(WHO)
    for (who, standings), line in zip(WHO.items(), table[1:], strict=True):
        for (name, room), cell in zip(ROOMS.items(), line[1:], strict=True):
            said = set(re.findall(r"`(\w+)`", cell))
            for role, here in standings:
                assert said == room_rights(role, room=room, here=here), f"{who} in a room: {name}"


# threats


def test_the_threats_document_has_every_row_and_what_holds_it() -> None:
    expected = [
        *(f"E{number}" for number in range(1, 13)),
        *(f"K{number}" for number in range(1, 16)),
        *(f"W-{number}" for number in range(1, 11)),
        *(f"A-{number}" for number in range(1, 18)),
        *(f"T-{number}" for number in range(1, 9)),
        *(f"U-{number}" for number in range(1, 7)),
        *(f"B-{number}" for number in range(1, 6)),
        "F-4",
    ]
    table = [
        cells(line) for line in section("threats.md").splitlines() if re.match(r"\| [EKWATUBF][-\d]", line)
    ]

    assert [row for row, _what, _holds in table] == expected
    for row, _what, holds in table:
        named = re.findall(r"`((?:browser/)?test_\w+\.py): (test_\w+)`", holds)
        assert named or re.search(r"benchmark lines? [WA]-", holds), row
        for file, test in named:
            code = (ROOT / "tests" / file).read_text(encoding="utf-8")
            assert f"def {test}(" in code, f"{row} names {test}, which is not in {file}"


# links


def test_no_path_with_a_secret_in_it_is_in_a_proxys_log(house: House) -> None:
    secret = {
        rule.rule.partition("<token>")[0]
        for rule in house.app.url_map.iter_rules()
        if "token" in rule.arguments
    }
    assert secret >= {"/join/", "/reset/"}  # Guard: that is how such routes are found.

    routers = (ROOT / "deploy/traefik/dynamic/homechat.yml").read_text(encoding="utf-8")
    unlogged = re.search(r"rule: (.+)\n.*\n.*\n +observability: {accessLogs: false}", routers)
    assert unlogged is not None
    assert set(re.findall(r"PathPrefix\(`([^`]+)`\)", unlogged[1])) == secret
    (advice,) = re.findall(r"- Keep query strings[^:]+:", section("install.md"))
    assert set(re.findall(r"`(/[^`]+)`", advice)) == secret


# places


DOCUMENTS = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


def code_files() -> list[str]:
    folders = ("homechat", "static", "templates", "tests", "migrations", "bin", "deploy")
    return [file.relative_to(ROOT).as_posix() for name in folders for file in (ROOT / name).rglob("*.*")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)
def test_a_document_links_to_what_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)  # Images too.

    local = [target for target in targets if "://" not in target]

    assert [target for target in local if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)
def test_a_document_names_files_and_functions_that_exist(document: Path) -> None:
    files = code_files()
    ones_own = r"`0003_what_it_does\.py`|\btalk\.py\b"  # Files that readers make themselves.
    text = re.sub(ones_own, "", document.read_text(encoding="utf-8"))

    # Such as `rooms/finding.py: find_room`, or sockets.py without a function.
    for path, name in re.findall(r"(?<![\w<*-])([\w/-]+\.(?:py|js))\b(?:: (\w+))?", text):
        found = [file for file in files if f"/{file}".endswith(f"/{path}")]
        assert found, f"{document.name} names {path}"
        if name:
            assert any(re.search(rf"\b{name}\b", (ROOT / file).read_text()) for file in found), name


def test_the_readme_is_short_and_names_both_commands() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()

    assert len(lines) <= 60
    assert {"    bin/run", "    bin/test"} <= set(lines)
