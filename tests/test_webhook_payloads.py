"""What other programs send, as people read it. The samples are written by hand, after what these programs document."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homechat.bots.payloads import LINES_MAX, plain, readable
from homechat.messages.formatting import format_body

REPOSITORY = {"full_name": "ada/greenhouse"}
SENDER = {"login": "ben"}
ALERTS = {
    "version": "4",
    "status": "firing",
    "commonLabels": {"alertname": "DiskAlmostFull"},
    "externalURL": "http://alerts.home.example:9093",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "DiskAlmostFull", "instance": "attic:9100"},
            "annotations": {"summary": "Disk 93 % full"},
        },
        {"status": "resolved", "labels": {"alertname": "DiskAlmostFull", "instance": "cellar:9100"}},
    ],
}
GRAFANA = {
    "receiver": "home",
    "status": "resolved",
    "orgId": 1,
    "title": "[RESOLVED] Greenhouse too cold",
    "message": "**Firing**\nmany lines that nobody reads",
    "state": "ok",
    "externalURL": "https://grafana.home.example/",
    "alerts": [
        {
            "status": "resolved",
            "labels": {"alertname": "Greenhouse too cold"},
            "annotations": {"description": "Below 4 °C"},
        }
    ],
}
COMMITS = [
    {"id": f"{number}a2b3c4d5e6f", "message": f"Water the tomatoes {number}\n\nThey were dry."}
    for number in range(7)
]


@pytest.mark.parametrize(
    ("event", "sent", "lines"),
    [
        (
            "push",
            {
                "ref": "refs/heads/main",
                "repository": REPOSITORY,
                "pusher": {"name": "ben"},
                "commits": COMMITS[:1],
                "compare": "https://github.com/ada/greenhouse/compare/1...2",
            },
            [
                "**ada/greenhouse** ben pushed 1 commit to main",
                "- 0a2b3c4 Water the tomatoes 0",
                "https://github.com/ada/greenhouse/compare/1...2",
            ],
        ),
        (
            "push",
            {"ref": "refs/heads/old", "repository": REPOSITORY, "sender": SENDER, "deleted": True},
            ["**ada/greenhouse** ben deleted old"],
        ),
        (
            "issues",
            {
                "action": "opened",
                "repository": REPOSITORY,
                "sender": SENDER,
                "issue": {
                    "number": 7,
                    "title": "It rains in",
                    "html_url": "https://github.com/ada/greenhouse/issues/7",
                },
            },
            [
                "**ada/greenhouse** ben opened issue #7: It rains in",
                "https://github.com/ada/greenhouse/issues/7",
            ],
        ),
        (
            "pull_request",
            {
                "action": "closed",
                "repository": REPOSITORY,
                "sender": SENDER,
                "pull_request": {"number": 8, "title": "New roof", "merged": True},
            },
            ["**ada/greenhouse** ben merged pull request #8: New roof"],
        ),
        (
            "pull_request",
            {
                "action": "ready_for_review",
                "repository": REPOSITORY,
                "sender": SENDER,
                "pull_request": {"number": 8, "title": "New roof", "merged": False},
            },
            ["**ada/greenhouse** ben ready for review pull request #8: New roof"],
        ),
        (
            "release",
            {"action": "published", "repository": REPOSITORY, "release": {"tag_name": "v1.2"}},
            ["**ada/greenhouse** published the release v1.2"],
        ),
        (
            "workflow_run",
            {
                "action": "completed",
                "repository": REPOSITORY,
                "workflow_run": {"name": "Tests", "conclusion": "failure", "head_branch": "main"},
            },
            ["**ada/greenhouse** 🔴 Tests: failure on main"],
        ),
        ("ping", {"zen": "Keep it simple.", "hook_id": 1}, ["**GitHub** is connected. Keep it simple."]),
        ("star", {"action": "created", "repository": REPOSITORY}, ["**ada/greenhouse** star: created"]),
        (
            "",
            ALERTS,
            [
                "🔴 **DiskAlmostFull**",
                "🔴 **DiskAlmostFull**: Disk 93 % full (attic:9100)",
                "🟢 **DiskAlmostFull** (cellar:9100)",
                "http://alerts.home.example:9093",
            ],
        ),
        (
            "",
            GRAFANA,
            [
                r"🟢 **\[RESOLVED\] Greenhouse too cold**",
                "🟢 **Greenhouse too cold**: Below 4 °C",
                "https://grafana.home.example/",
            ],
        ),
        (
            "issue_comment",
            {
                "action": "created",
                "repository": REPOSITORY,
                "sender": {"login": "cleo"},
                "issue": {"number": 7, "title": "Door *sticks*"},
                "comment": {"body": "Oil it, @ben", "html_url": "https://github.example/ada/greenhouse/7"},
            },
            [
                r"**ada/greenhouse** cleo wrote about #7: Door \*sticks\*",
                "Oil it, @\u2060ben",
                "https://github.example/ada/greenhouse/7",
            ],
        ),
        (
            "",
            {
                "title": "[Alerting] Greenhouse",
                "ruleName": "Greenhouse",
                "state": "alerting",
                "message": "Too *cold* for @ben",
                "evalMatches": [{"metric": "north", "value": 3.5, "tags": None}],
                "ruleUrl": "https://grafana.home.example/d/1",
            },
            [
                r"🔴 **\[Alerting\] Greenhouse**",
                "Too \\*cold\\* for @\u2060ben",
                "north: 3.5",
                "https://grafana.home.example/d/1",
            ],
        ),
        (
            "",
            {"ruleName": "Greenhouse", "state": "ok", "message": "", "evalMatches": 5},
            ["🟢 **Greenhouse**"],
        ),
        (
            "",
            {"title": "Mower", "text": "is stuck", "battery": 12, "ok": False},
            ["**Mower**", "is stuck", "battery: 12", "ok: no"],
        ),
    ],
)
def test_what_programs_send_is_readable(event: str, sent: dict[str, Any], lines: list[str]) -> None:
    assert readable(sent, event=event).split("\n") == lines


@pytest.mark.parametrize("commits", [5, True, "three", {"id": "0a2b3c4"}, None])
def test_commits_that_are_no_list_are_none(commits: object) -> None:
    sent = {"ref": "refs/heads/main", "repository": REPOSITORY, "pusher": {"name": "ben"}, "commits": commits}
    assert readable(sent, event="push") == "**ada/greenhouse** ben pushed 0 commits to main"


def test_without_the_header_github_is_known_by_what_is_in_it() -> None:
    sent = {"ref": "refs/heads/main", "repository": REPOSITORY, "pusher": {"name": "ben"}, "commits": COMMITS}
    text = readable(sent)
    assert text.startswith("**ada/greenhouse** ben pushed 7 commits to main\n- 0a2b3c4 Water")
    assert text.endswith("- and 2 more")


@pytest.mark.parametrize("sent", [{}, {"a": {"b": 1}}, {"a": []}, {"text": " \u200b "}, {"a": None}])
def test_where_there_is_nothing_to_read_there_is_no_message(sent: dict[str, Any]) -> None:
    assert readable(sent) == ""


def test_of_thousands_of_alerts_a_few_lines_are_shown() -> None:
    lines = readable({"alerts": [{}] * 20_000}).split("\n")
    assert len(lines) == LINES_MAX + 1
    assert lines[-1] == "…"


HOSTILE = [
    "**bold** _it_ `code` ~~gone~~",
    "[click](https://evil.example)",
    "[x]: https://evil.example",
    "> quoted",
    "- item",
    "1. item",
    "```\nfence\n```",
    "<script>alert(1)</script>",
    "a\n\n> b\r\n- c",
    "back\\slash \\*star\\*",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_from_outside_is_shown_and_does_nothing(text: str) -> None:
    for sent in (
        {"text": text},
        {"title": text, "alerts": [{"labels": {"alertname": text}, "annotations": {"summary": text}}]},
        {"repository": {"full_name": text}, "commits": [{"id": text, "message": text}], "ref": text},
    ):
        html = str(format_body(readable(sent)))
        made = set(re.findall(r"<(\w+)", html))
        assert made <= {"p", "br", "strong", "ul", "li", "a"}, html
        assert "script" not in made
        assert "href" not in html or ">https://evil.example" in html
    assert str(format_body(plain(text))).count("<p>") == 1


def test_nobody_is_called_by_name_from_outside() -> None:
    text = readable({"text": "@all @ben look", "alerts": None})
    assert not re.search(r"@\w", text)
    assert "@\u2060all" in text
    assert plain("Write to ben@example.org") == "Write to ben@example.org"


def test_only_web_addresses_become_links() -> None:
    sent = {"repository": REPOSITORY, "issue": {"number": 1, "title": "x", "html_url": "javascript:alert(1)"}}
    assert "javascript" not in readable(sent, event="issues")
    assert plain("see https://example.org/a_b_c?x=*y*") == r"see https://example.org/a_b_c?x=*y\*"


_KEYS = st.sampled_from(
    [
        "alerts",
        "status",
        "labels",
        "annotations",
        "title",
        "repository",
        "full_name",
        "commits",
        "issue",
        "action",
        "sender",
        "zen",
        "release",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(_KEYS | st.text(max_size=10), inner, max_size=6)
    ),
    max_leaves=25,
)


@given(
    st.dictionaries(_KEYS | st.text(max_size=8), JSON, max_size=8),
    st.sampled_from(["", "push", "issues", "x"]),
)
def test_any_json_is_a_message_or_none(sent: dict[str, Any], event: str) -> None:
    text = readable(sent, event=event)
    assert len(text.split("\n")) <= LINES_MAX + 1
    assert len(text) < 10_000
