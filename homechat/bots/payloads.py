"""What other programs tell us, as something that people read: GitHub, Grafana, Alertmanager, or any JSON at all.

Pure. Whatever comes from outside is text: its markup is escaped, its lines are cut, it calls nobody by name, and only
http addresses become links.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from homechat.messages.addresses import find_addresses
from homechat.messages.plain_text import shortened
from homechat.text import one_line

Json = dict[str, Any]

LINE_CHARACTERS = 300
LINES_MAX = 15
_MARKUP = re.compile(r"([*_~`\[\]])")
_AT_THE_START = re.compile(r"^(\d*)([>+.)-])")
_WEB = re.compile(r"https?://[^\s<>\[\]{}|\\^`*~]{3,500}", re.ASCII | re.IGNORECASE)
_WORD_JOINER = "\u2060"  # Shows nothing, and makes of @ben no name.

SIGNS = {"firing": "🔴", "alerting": "🔴", "resolved": "🟢", "ok": "🟢", "success": "🟢", "failure": "🔴"}


def readable(sent: Json, *, event: str = "") -> str:
    """Return what was sent as a message in our small Markdown; "" when there is nothing in it to read.

    event: what GitHub says in a header that it is.
    """
    told = _alerts(sent) if is_alert(sent) else _github(sent, event)
    lines = _first(told) or _first(_anything(sent))
    return "\n".join([*lines[:LINES_MAX], "…"] if len(lines) > LINES_MAX else lines)


def is_alert(sent: Json) -> bool:
    """Whether it comes from Alertmanager or Grafana, whose older versions told of one rule at a time."""
    return isinstance(sent.get("alerts"), list) or {"ruleName", "state"} <= sent.keys()


def plain(text: object, limit: int = LINE_CHARACTERS) -> str:
    """Return text from outside on one line, to stand in a message as it is: no markup, no names called, no more
    than `limit` characters. Web addresses stay links.
    """
    line = shortened(one_line(_words(text)), limit)
    pieces, end = [], 0
    for address in find_addresses(line):
        pieces += [_guarded(line[end : address.start]), line[address.start : address.end]]
        end = address.end
    return _AT_THE_START.sub(r"\1\\\2", "".join([*pieces, _guarded(line[end:])]))


def _first(lines: Iterator[str]) -> list[str]:
    """Return one line more than we show: of thousands the others are not even looked at."""
    return list(islice((line for line in lines if line), LINES_MAX + 1))


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)[: 4 * LINE_CHARACTERS] if isinstance(value, str | int | float) else ""


def _guarded(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text).replace("@", f"@{_WORD_JOINER}")


# Alertmanager, and Grafana, which speaks like it


def _alerts(sent: Json) -> Iterator[str]:
    state = str(sent.get("status") or sent.get("state") or "")
    named = (sent.get("title"), _label(sent.get("commonLabels"), "alertname"), sent.get("ruleName"))
    title = next((line for line in map(plain, named) if line), "Alert")
    yield f"{SIGNS.get(state.lower(), '🔔')} **{title}**"
    alerts = sent.get("alerts")
    if isinstance(alerts, list):
        yield from (_alert(alert) for alert in alerts if isinstance(alert, dict))
    else:
        yield plain(sent.get("message"))
        yield from _measured(sent.get("evalMatches"))
    for key in ("externalURL", "ruleUrl"):
        if link := _link(sent.get(key)):
            yield link
            return


def _alert(alert: Json) -> str:
    state = str(alert.get("status") or "")
    notes = alert.get("annotations")
    name = _label(alert.get("labels"), "alertname")
    where = _label(alert.get("labels"), "instance")
    what = _label(notes, "summary") or _label(notes, "description") or _label(notes, "message")
    words = [f"**{plain(name)}**" if name else "", plain(what) if what else ""]
    line = ": ".join(word for word in words if word)
    place = f" ({plain(where, 80)})" if where else ""
    return f"{SIGNS.get(state.lower(), '🔔')} {line or plain(state) or 'alert'}{place}"


def _measured(matches: object) -> Iterator[str]:
    for match in matches if isinstance(matches, list) else ():
        if isinstance(match, dict):
            yield plain(f"{_words(match.get('metric'))}: {_words(match.get('value'))}", 120)


def _label(labels: object, name: str) -> str:
    value = labels.get(name) if isinstance(labels, dict) else None
    return _words(value)


# GitHub


def _github(sent: Json, event: str) -> Iterator[str]:
    place = plain(_at(sent, "repository", "full_name"), 120)
    if not place and not _at(sent, "zen"):
        return
    tell = _GITHUB.get(event or _guessed(sent))
    lines = list(tell(sent)) if tell else []
    if not lines and event:
        action = _at(sent, "action")
        lines = [f"{plain(event.replace('_', ' '), 60)}{': ' + plain(action, 60) if action else ''}"]
    if lines:
        yield f"**{place or 'GitHub'}** {lines[0]}"
        yield from lines[1:]


def _guessed(sent: Json) -> str:
    for key in ("pull_request", "issue", "release", "workflow_run", "commits", "zen"):
        if key in sent:
            return {"issue": "issues", "commits": "push", "zen": "ping"}.get(key, key)
    return ""


def _push(sent: Json) -> Iterator[str]:
    listed = sent.get("commits")
    commits = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    who = plain(_at(sent, "pusher", "name") or _at(sent, "sender", "login") or "Somebody", 60)
    branch = plain(str(_at(sent, "ref")).removeprefix("refs/heads/").removeprefix("refs/tags/"), 80)
    if sent.get("deleted") is True:
        yield f"{who} deleted {branch}"
        return
    count = f"{len(commits)} commit" + ("" if len(commits) == 1 else "s")
    yield f"{who} pushed {count} to {branch}"
    for commit in commits[:5]:
        first_line = str(_at(commit, "message")).split("\n")[0]
        yield f"- {plain(str(_at(commit, 'id'))[:7], 7)} {plain(first_line, 120)}"
    if len(commits) > 5:
        yield f"- and {len(commits) - 5} more"
    yield _link(sent.get("compare"))


def _about(key: str, words: str) -> Callable[[Json], Iterator[str]]:
    """Return what tells of an issue or of a pull request."""

    def tell(sent: Json) -> Iterator[str]:
        number, title = _at(sent, key, "number"), _at(sent, key, "title")
        merged = (
            key == "pull_request" and _at(sent, key, "merged") == "yes" and _at(sent, "action") == "closed"
        )
        action = "merged" if merged else plain(_at(sent, "action") or "changed", 40).replace("\\_", " ")
        who = plain(_at(sent, "sender", "login") or "Somebody", 60)
        yield f"{who} {action} {words} #{plain(number, 12)}: {plain(title, 200)}"
        yield _link(_at(sent, key, "html_url"))

    return tell


def _comment(sent: Json) -> Iterator[str]:
    who = plain(_at(sent, "sender", "login") or "Somebody", 60)
    number, title = _at(sent, "issue", "number"), _at(sent, "issue", "title")
    yield f"{who} wrote about #{plain(number, 12)}: {plain(title, 120)}"
    yield plain(_at(sent, "comment", "body"))
    yield _link(_at(sent, "comment", "html_url"))


def _release(sent: Json) -> Iterator[str]:
    name = _at(sent, "release", "name") or _at(sent, "release", "tag_name")
    yield f"{plain(_at(sent, 'action') or 'published', 40)} the release {plain(name, 120)}"
    yield _link(_at(sent, "release", "html_url"))


def _workflow_run(sent: Json) -> Iterator[str]:
    name = plain(_at(sent, "workflow_run", "name") or "Workflow", 120)
    came_of_it = _at(sent, "workflow_run", "conclusion") or _at(sent, "action")
    branch = plain(_at(sent, "workflow_run", "head_branch"), 80)
    sign = SIGNS.get(came_of_it, "⚪")
    words = plain(came_of_it.replace("_", " "), 40)
    yield f"{sign} {name}: {words}{f' on {branch}' if branch else ''}"
    yield _link(_at(sent, "workflow_run", "html_url"))


def _ping(sent: Json) -> Iterator[str]:
    yield f"is connected. {plain(_at(sent, 'zen'), 200)}"


_GITHUB: dict[str, Callable[[Json], Iterator[str]]] = {
    "push": _push,
    "issues": _about("issue", "issue"),
    "pull_request": _about("pull_request", "pull request"),
    "issue_comment": _comment,
    "release": _release,
    "workflow_run": _workflow_run,
    "ping": _ping,
}


# Anything else


def _anything(sent: Json) -> Iterator[str]:
    """Yield what a person can read of it: a title, a text, then whatever is a plain value."""
    for key in ("title", "subject", "name"):
        if title := plain(_words(sent.get(key)), 200):
            yield f"**{title}**"
            break
    for key, value in sent.items():
        words = plain(_words(value))
        if words and key not in ("title", "subject", "name"):
            yield words if key in ("text", "body", "description") else f"{plain(key, 60)}: {words}"


def _at(sent: object, *keys: str) -> str:
    """Return the plain value at the end of `keys` as text, "" when there is none."""
    for key in keys:
        sent = sent.get(key) if isinstance(sent, dict) else None
    return _words(sent)


def _link(url: object) -> str:
    return url if isinstance(url, str) and _WEB.fullmatch(url) else ""
