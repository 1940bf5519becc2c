"""Every secret that this run of the tests has used, and every log that was written meanwhile.

Most secrets are heard of without anybody's doing: what is sent by HTTP from here, and what applications in this process
are sent and send back. Whoever makes a secret that goes no such way says `remember(secret)`.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus

from flask import Response, request, request_finished

# Shorter ones, such as the six digits of a code, stand in a log by chance.
CHARACTERS_MIN, CHARACTERS_MAX, DISTINCT_MIN = 12, 1_000, 6
TOKEN_CHARACTERS_MIN = 43  # security/tokens.py

SECRET_FIELD = re.compile(r"(?i)password|passphrase|secret|token|code|recovery")
SECRET_PATH = re.compile(r"/(?:setup|join|reset)/([\w-]{20,})")
SECRET_HEADER = re.compile(r"(?im)^(?:Cookie: (?P<cookies>.*)|Authorization: \w+ (?P<bearer>\S+))\r?$")
# What is said to the operator, and not logged: the one exception that SECURITY.md names.
PRINTED_LINK = re.compile(r"(?m)^\s*https?://\S+/setup/[\w-]+\s*$")
WORD = re.compile(rf"[\w-]{{{CHARACTERS_MIN},}}", re.ASCII)

_secrets: set[str] = set()
_logs: set[Path] = set()
_lines: list[str] = []


def remember(*secrets: str) -> None:
    """From now on no log may hold any of `secrets`; those too short or too plain to be told from words are left out."""
    _secrets.update(secret for secret in secrets if is_telling(secret))


def remember_tokens(answer: object) -> None:
    """Remember what looks like a token in what an action returned: a text, or one among several things."""
    for each in answer if isinstance(answer, tuple | list) else [answer]:
        if isinstance(each, str) and looks_like_a_token(each):
            remember(each)


def read_at_the_end(file: Path) -> None:
    """Have the log in `file` looked through when all tests are done."""
    _logs.add(file)


def note_line(line: str) -> None:
    """Have a line looked through that went into no file."""
    _lines.append(line)


def known() -> frozenset[str]:
    """Return what has been remembered so far."""
    return frozenset(_secrets)


def counts() -> list[int]:
    """Return how many secrets are known, and how many logs: the files, and what this process has logged."""
    return [len(_secrets), len(_logs) + 1]


def is_telling(secret: str) -> bool:
    return CHARACTERS_MIN <= len(secret) <= CHARACTERS_MAX and len(set(secret)) >= DISTINCT_MIN


def looks_like_a_token(word: str) -> bool:
    """Whether `word` is as long and as mixed as 256 random bits; names of tests and of files are not."""
    capitals, small, digits = (sum(map(kind, word)) for kind in (str.isupper, str.islower, str.isdigit))
    is_mixed = capitals > 5 and small > 5 and digits > 0
    return len(word) >= TOKEN_CHARACTERS_MIN and is_mixed and WORD.fullmatch(word) is not None


# Looking


def read_before_it_goes(file: Path) -> None:
    """Take in a log that is about to be deleted."""
    for line in file.read_text(errors="replace").splitlines():
        note_line(line)
    _logs.discard(file)


def leaks() -> list[str]:
    """Return where a secret stands in a log, without repeating it."""
    return [*_leaks_in_files(), *leaks_in("what was logged in this process", "\n".join(_lines), known())]


def _leaks_in_files() -> Iterator[str]:
    for file in sorted(_logs):
        if file.exists():
            yield from leaks_in(str(file), file.read_text(errors="replace"), known())
        else:
            yield f"{file} was gone before it could be read"


def leaks_in(name: str, text: str, secrets: Iterable[str]) -> list[str]:
    """Return a sentence for each of `secrets`, and for each word that looks like one, in the log `text`."""
    text = PRINTED_LINK.sub("", text)
    words, phrases = _sorted_out(secrets)
    found = {
        f"{name}: {_masked(word, text)}"
        for word in _words_in(text, words)
        if word in words or looks_like_a_token(word)
    }
    for phrase in phrases:
        if any(spelling in text for spelling in _spellings(phrase)):
            found.add(f"{name}: {_masked(phrase, text)}")
    return sorted(found)


def _sorted_out(secrets: Iterable[str]) -> tuple[set[str], set[str]]:
    words = {secret for secret in secrets if WORD.fullmatch(secret)}
    return words, set(secrets) - words


def _words_in(text: str, words: set[str]) -> Iterator[str]:
    """Yield every word of `text`, and of long ones every piece that is as long as one of `words`."""
    # A run has thousands of cookies: looking each of them up in each log would take minutes.
    lengths = {len(word) for word in words}
    for run in set(WORD.findall(text)):
        yield run
        for length in lengths:
            yield from (run[at : at + length] for at in range(len(run) - length + 1))


def _spellings(phrase: str) -> set[str]:
    """How a phrase may stand in a log: as it is, within JSON, within an address, or as a form was sent."""
    sendable = phrase.encode("utf-8", "replace").decode()
    in_json = {json.dumps(phrase)[1:-1], json.dumps(phrase, ensure_ascii=False)[1:-1], repr(phrase)[1:-1]}
    return {phrase, *in_json, quote(sendable), quote_plus(sendable)}


def _masked(secret: str, text: str) -> str:
    line = next((number for number, line in enumerate(text.splitlines(), 1) if secret in line), 0)
    where = f" in line {line}" if line else ""
    return f"a secret of {len(secret)} characters, {secret[:2]}…{where}"


# Listening


def listen() -> None:
    """Begin to hear what is sent by HTTP, from this process and to applications in it. Lasts until the process ends."""
    sys.addaudithook(_hear_sending)
    request_finished.connect(_hear_reply)


def _hear_sending(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "http.client.send":
        return
    data = arguments[1]
    if isinstance(data, bytes | bytearray):
        with contextlib.suppress(ValueError):  # More fields than the standard library reads.
            remember(*secrets_sent(bytes(data).decode("utf-8", "replace")))


def secrets_sent(text: str) -> Iterator[str]:
    """Yield the secrets in the headers or in the body of a request, as far as it has a form that we know."""
    first, _, rest = text.partition("\n")
    if re.search(r" HTTP/1\.\d\r?$", first):
        yield from SECRET_PATH.findall(first)
        for header in SECRET_HEADER.finditer(rest.split("\r\n\r\n")[0] + "\n"):
            yield from _cookie_values(header["cookies"] or "")
            yield header["bearer"] or ""
        text = rest.partition("\r\n\r\n")[2]
    if text.startswith("{"):
        with contextlib.suppress(ValueError):
            yield from _secret_values(json.loads(text))
    elif "=" in text[:200]:
        yield from _secret_values(dict(parse_qsl(text)))


def _hear_reply(sender: object, response: Response, **_: object) -> None:
    parsed = (
        request.__dict__
    )  # Only what the view has looked at: looking ourselves might change what it does.
    if "form" in parsed:
        remember(*_secret_values(request.form))
    if "args" in parsed:
        remember(*_secret_values(request.args))
    remember(*request.cookies.values(), request.headers.get("Authorization", "").partition(" ")[2])
    remember(*_secret_values(request.view_args or {}), *SECRET_PATH.findall(request.path))
    for header in response.headers.getlist("Set-Cookie"):
        remember(*_cookie_values(header.partition(";")[0]))


def _cookie_values(header: str) -> list[str]:
    return [pair.partition("=")[2].strip() for pair in header.split(";")]


def _secret_values(fields: Any) -> Iterator[str]:
    """Yield the values of those fields whose names say that they are secret, at any depth."""
    for name, value in fields.items() if hasattr(fields, "items") else ():
        if isinstance(value, str) and SECRET_FIELD.search(str(name)) and "csrf" not in str(name):
            yield value
        else:
            yield from _secret_values(value)
