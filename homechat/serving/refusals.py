"""Refusals before Flask has seen the request: JSON for programs that come to the API, a line of text for all others."""

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from homechat.config import API_PREFIX
from homechat.doors.replies import CARRIED, CODES, carrying

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


RETRY_SECONDS = {429: 10, 503: 5}


def refuse(
    environ: "WSGIEnvironment", start_response: "StartResponse", status: int, sentence: str
) -> Iterable[bytes]:
    """Refuse in a sentence. It is English: who is in front of Flask does not know yet who asks."""
    path = environ.get("PATH_INFO", "")
    # The house may live below a path.
    if f"{API_PREFIX}/" in f"{path}/":
        carried = next((CARRIED[known] for known in CARRIED if path.endswith(known)), {})
        refusal = carrying(carried, {"error": sentence, "code": CODES[status]})
        media_type, body = "application/json", json.dumps(refusal)
    else:
        media_type, body = "text/plain; charset=utf-8", sentence
    content = f"{body}\n".encode()
    headers = [("Content-Type", media_type), ("Content-Length", str(len(content)))]
    if status in RETRY_SECONDS:
        headers.append(("Retry-After", str(RETRY_SECONDS[status])))
    start_response(f"{status} {_phrase(status)}", headers)
    return [content]


def _phrase(status: int) -> str:
    return "Content Too Large" if status == 413 else HTTPStatus(status).phrase
