"""Replies of the API: made by the shape that was promised, and with a tag by which programs know them again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify, request

from homechat.api.shapes import Mismatch, Shape


def reply_of(gives: Mapping[int, Shape], body: dict[str, Any], status: int) -> Response:
    """Return the reply with `body` as the shape of this status has it.

    gives: the shapes by status; where there is none at all, the body goes as it is. Raises Mismatch, a mistake of ours.
    """
    if gives and status not in gives:
        raise Mismatch(f"{status} is not promised")
    response = jsonify(gives[status].dump(body) if gives else body)
    response.status_code = status
    return response


def unless_known(response: Response) -> Response:
    """Return the response with a tag of what is in it, or 304 where whoever asks says that they have just that.

    No cache may keep it (`Cache-Control: no-store`); a program that asks again and again remembers the tag itself.
    """
    if response.status_code == 200:
        tag = hashlib.sha256(response.get_data()).hexdigest()[:32]
        response.set_etag(tag)
        if request.if_none_match.contains_weak(tag):
            response.status_code = 304
    return response
