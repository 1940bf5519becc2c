"""The documents are true: every event, field, setting and audit action is in them, and nothing that is not there."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from homechat import audit, config
from homechat.app import build_app  # noqa: F401  (importing it registers every event)
from homechat.doors.events import EVENTS
from homechat.realtime import events
from homechat.realtime.events import ServerEvent

DOCS = Path(__file__).resolve().parent.parent / "docs"


def rows(document: str, heading: str) -> dict[str, str]:
    """Return the table rows below a heading: the first cell's name → the whole row."""
    text = (DOCS / document).read_text()
    section = text.split(f"## {heading}", 1)[1].split("\n## ", 1)[0] if heading else text
    found = re.findall(r"^\| `([^`]+)` \|(.*)\|$", section, re.MULTILINE)
    return dict(found)


def server_events() -> dict[str, type[ServerEvent]]:
    return {event.name: event for event in vars(events).values() if _is_event(event)}


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
    whole = (DOCS / "realtime.md").read_text()
    for name, event in server_events().items():
        text = whole.split("### A message", 1)[1] if name == "message:posted" else documented[name]
        fields = {"name" if field.name == "room_name" else field.name for field in dataclasses.fields(event)}
        assert {field for field in fields if f"`{field}`" not in text} == set(), name


def test_the_audit_document_names_every_action() -> None:
    assert set(rows("audit.md", "")) == {action.value for action in audit.Action}


def test_the_settings_document_names_every_setting_with_its_default() -> None:
    documented = rows("settings.md", "")
    settings = {field.name for field in dataclasses.fields(config.Settings)} - {"origins"}
    assert set(documented) == {config.env_name(name) for name in settings}
