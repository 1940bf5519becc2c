"""`Idempotency-Key`: whoever is not sure that a request arrived sends it once more, and it is done once."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator
from typing import IO

from flask import Response, request
from flask_babel import gettext as _
from werkzeug.exceptions import HTTPException

from homechat.accounts import api_requests, kept_answers
from homechat.accounts.kept_answers import Answer, Claim, Key
from homechat.actor import Actor
from homechat.database import give_back_connection, last_word
from homechat.errors import HomeChatError, Invalid
from homechat.offload import in_native_thread

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEY_CHARACTERS_MAX = 255
PIECE_BYTES = 65_536


def key_of_request(actor: Actor) -> Key | None:
    """Return the key that the current request came with, or None. A stranger has none: keys are a token's own.

    Raises Invalid for one that is empty or too long.
    """
    text = request.headers.get(HEADER)
    if text is None or actor.token_id is None:
        return None
    if not 0 < len(text) <= KEY_CHARACTERS_MAX:
        raise Invalid.at(HEADER, _("A key has 1 to %(number)d characters.", number=KEY_CHARACTERS_MAX))
    return Key(actor.token_id, hashlib.sha256(text.encode()).hexdigest(), _digest_of_request())


def once(actor: Actor, key: Key, do: Callable[[], Response]) -> Response:
    """Return what `do` answers, or what it answered before to the same request.

    Refusals are not kept: nothing was done, and the same may do another time. Raises as `kept_answers.find` does.
    """
    before = kept_answers.find(key)
    if before is not None:
        api_requests.note_read(actor)
        return Response(before.body, before.status, {REPLAYED: "true"}, mimetype="application/json")
    claim = Claim(key)
    try:
        with last_word(claim.write_along):
            reply = do()
    except (HomeChatError, HTTPException):
        claim.forget()
        raise
    if reply.status_code < 300:
        claim.keep(Answer(reply.status_code, reply.get_data(as_text=True)))
    else:
        claim.forget()
    return reply


def _digest_of_request() -> str:
    first = [request.method.encode(), request.full_path.encode()]
    if request.mimetype != "multipart/form-data":
        return _digest_of([*first, request.get_data()], [])
    # A form with files stands between lines that are new each time it is sent.
    fields = [f"{name}\0{value}".encode() for name, value in request.form.items(multi=True)]
    files = [
        (f"{name}\0{file.filename}".encode(), file.stream) for name, file in request.files.items(multi=True)
    ]
    give_back_connection()
    return in_native_thread(_digest_of, [*first, *fields], files)


def _digest_of(parts: list[bytes], files: list[tuple[bytes, IO[bytes]]]) -> str:
    """Return the SHA-256 over those of all parts, and of each file, which is read to its end and rewound."""
    digest = hashlib.sha256()
    for part in (*parts, *_parts_of(files)):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def _parts_of(files: list[tuple[bytes, IO[bytes]]]) -> Iterator[bytes]:
    for name, stream in files:
        yield name
        yield from iter(functools.partial(stream.read, PIECE_BYTES), b"")
        stream.seek(0)
