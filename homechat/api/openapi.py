"""The API as programs read of it: an OpenAPI document made of the registry, and of the very shapes that are checked."""

from __future__ import annotations

import copy
import functools
import inspect
import re
import sys
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin, common
from flask import request
from marshmallow import Schema, fields

from homechat.actor import Actor
from homechat.api.endpoints import ENDPOINTS, FORM_WITH_FILES, READING, Endpoint, Json, Who, endpoint
from homechat.api.idempotency import HEADER, KEY_CHARACTERS_MAX, REPLAYED
from homechat.api.shapes import Error, Shape
from homechat.config import API_PREFIX
from homechat.doors.shapes import Text
from homechat.operations.health import app_version
from homechat.security.policy import Scope
from homechat.uploads.actions import FILES_MAX

OPENAPI_VERSION = "3.1.0"
PLACE = re.compile(r"<(?:(\w+)(?:\([^)]*\))?:)?(\w+)>")
NUMBER_IN_PATH_MAX = 10**18 - 1

REFUSALS: dict[int, tuple[str, tuple[str, ...]]] = {
    400: ("What was sent isn't JSON.", ("malformed",)),
    401: (
        "No token, or one that opens nothing; a wrong name, password or code.",
        ("unauthenticated", "requires_2fa"),
    ),
    403: (
        "The token lacks the scope that “scope” names; not allowed; you have to be let in first.",
        ("scope_needed", "forbidden", "pending", "step_up_needed"),
    ),
    404: ("It is not there, or not for you to know.", ("not_found",)),
    405: ("The header Allow says how this address is used.", ("method_not_allowed",)),
    408: ("It took too long to send.", ("too_slow",)),
    409: (
        "Somebody else was first; or the same key is at work, or its answer was lost.",
        ("conflict", "in_progress", "answer_lost"),
    ),
    411: ("Send a body with its Content-Length.", ("length_required",)),
    413: ("It is too big.", ("too_large",)),
    507: ("There is no room left for files.", ("no_space",)),
    415: ("Say Content-Type: application/json.", ("unsupported_media_type",)),
    422: (
        "The fields make no sense; or the key stands for another request.",
        ("invalid", "idempotency_mismatch"),
    ),
    423: ("The house is closed for a while, or to tokens.", ("locked_down",)),
    429: ("Too many requests; wait as long as Retry-After says.", ("rate_limited",)),
    500: ("A mistake of ours; it is logged.", ("internal",)),
    503: ("Nothing can be stored right now; try again when Retry-After says.", ("unavailable",)),
}
"""Every way in which the API says no: why, and the codes of it."""

ABOUT = """For scripts and other programs. JSON in and out, UTF-8, times as ISO 8601 in UTC with `Z`.

Clients ignore fields and ways to say no that they do not know: there may be more in a later version."""


FILES: Json = {
    "type": "object",
    "properties": {
        "files[]": {
            "type": "array",
            "items": {"type": "string", "contentMediaType": "application/octet-stream"},
            "maxItems": FILES_MAX,
        }
    },
}


class Document(Shape):
    """What https://spec.openapis.org/oas/v3.1.0 says."""

    ABOUT = {
        "openapi": "The version of OpenAPI.",
        "info": "What this is.",
        "servers": "Where it is.",
        "tags": "What belongs together.",
        "paths": "What you may ask for.",
        "components": "What they share.",
    }

    openapi = Text()
    info = fields.Dict()
    servers = fields.List(fields.Dict())
    tags = fields.List(fields.Dict())
    paths = fields.Dict()
    components = fields.Dict()


@endpoint("GET", "/openapi.json", needs=Who.ANYBODY, gives=Document)
def openapi(actor: Actor, data: Json) -> Json:
    """This document. It is the same in every house of this version."""
    return document(root=request.script_root)


def document(*, root: str) -> Json:
    """Return the OpenAPI document of every endpoint there is. root: the path below which the house lives, or ""."""
    return {**_document(), "servers": [{"url": f"{root}{API_PREFIX}"}]}


def describe_api() -> None:
    """Make the document now; it stays as it is, and takes 0.1 s."""
    _document()


def address_of(found: Endpoint) -> str:
    """Return the path of an endpoint as OpenAPI writes it: `/users/{user_id}/lock`."""
    return PLACE.sub(r"{\2}", found.path)


@functools.cache
def _document() -> Json:
    plugin = MarshmallowPlugin(schema_name_resolver=_name_of)
    spec = APISpec(
        title="HomeChat",
        version=app_version(),
        openapi_version=OPENAPI_VERSION,
        info={"description": ABOUT},
        plugins=[plugin],
    )
    _add_common_parts(spec)
    for module in sorted({found.handler.__module__ for found in ENDPOINTS.values()}):
        about = (inspect.getdoc(sys.modules[module]) or "").partition("\n")[0]
        spec.tag({"name": module.rpartition(".")[2], "description": about})
    for found in ENDPOINTS.values():
        spec.path(address_of(found), operations={found.method.lower(): _operation(found)})
    made: Json = spec.to_dict()
    refs = plugin.converter.refs if plugin.converter else {}
    for key, name in refs.items():
        made["components"]["schemas"][name].setdefault("description", _about(key[0]))
    return made


def _name_of(schema: Any) -> str:
    """Return what a shape is called in the document; of what is sent, so that it is not taken for what is given."""
    kind = type(common.resolve_schema_instance(schema))
    return kind.__name__ if issubclass(kind, Shape) else f"{kind.__name__}Request"


def _about(kind: type[Schema]) -> str:
    own = kind.__dict__.get("__doc__") or ""
    return inspect.cleandoc(own).partition("\n\n")[0]


def _add_common_parts(spec: APISpec) -> None:
    components = spec.components
    components.security_scheme(
        "bearer", {"type": "http", "scheme": "bearer", "description": "Authorization: Bearer hc_…"}
    )
    components.security_scheme("apiKey", {"type": "apiKey", "in": "header", "name": "X-API-Key"})
    for name, about in RATE_HEADERS.items():
        components.header(name, {"description": about, "schema": {"type": "integer", "minimum": 0}})
    components.header("ETag", {"description": "Send it as If-None-Match.", "schema": {"type": "string"}})
    components.header("Retry-After", {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}})
    components.header(
        REPLAYED, {"description": "It was done before, and is not done again.", "schema": {"const": "true"}}
    )
    components.parameter(
        HEADER,
        "header",
        {
            "description": "Sent again with the same key, it is done once, and answered as the first time (24 hours).",
            "schema": {"type": "string", "pattern": f"^[!-~]{{1,{KEY_CHARACTERS_MAX}}}$"},
        },
    )
    components.parameter(
        "If-None-Match",
        "header",
        {"description": "The ETag of what you have: 304 if it is still so.", "schema": {"type": "string"}},
    )
    for status in REFUSALS:
        components.response(f"Refused{status}", _refusal(status))


RATE_HEADERS = {
    "X-RateLimit-Limit": "How many requests there are in the span.",
    "X-RateLimit-Remaining": "How many are left.",
    "X-RateLimit-Reset": "When the next one comes free, in seconds since 1970.",
}


def _refusal(status: int) -> Json:
    why, codes = REFUSALS[status]
    headers = {} if status in (408, 411) else _headers(*RATE_HEADERS)
    if status in (429, 503):
        headers |= _headers("Retry-After")
    shape = {"allOf": [Error(), {"properties": {"code": {"enum": list(codes)}}}]}
    return {"description": why, "headers": headers, "content": {"application/json": {"schema": shape}}}


def _operation(found: Endpoint) -> Json:
    summary, _blank, more = (inspect.getdoc(found.handler) or "").partition("\n\n")
    made: Json = {
        "operationId": found.handler.__name__,
        "summary": " ".join(summary.split()),
        "tags": [found.tag],
        "security": _security(found.needs),
        "parameters": _parameters(found),
        "responses": _replies(found),
    }
    if more:
        made["description"] = more
    if found.takes is not None and found.method not in READING:
        content: Json = {"schema": found.takes}
        if found.example is not None:
            content["example"] = copy.deepcopy(found.example)
        required = any(field.required for field in found.takes.fields.values())
        kinds = {"application/json": content}
        if found.takes_files:
            kinds[FORM_WITH_FILES] = {"schema": {"allOf": [found.takes, FILES]}}
        made["requestBody"] = {"required": required, "content": kinds}
    return made


def _security(needs: Scope | Who) -> list[Json]:
    if needs is Who.ANYBODY:
        return []
    scopes = [needs.value] if isinstance(needs, Scope) else []
    return [{"bearer": scopes}, {"apiKey": scopes}]


def _parameters(found: Endpoint) -> list[Any]:
    in_path = [_place(kind, name) for kind, name in PLACE.findall(found.path)]
    if found.method in READING:
        in_query = [{"in": "query", "schema": found.takes}] if found.takes is not None else []
        return [*in_path, *in_query, "If-None-Match"]
    return [*in_path, HEADER] if found.creates else in_path


def _place(kind: str, name: str) -> Json:
    schema: Json = {"type": "string", "minLength": 1}
    if kind == "int":
        schema = {"type": "integer", "minimum": 0, "maximum": NUMBER_IN_PATH_MAX}
    return {"in": "path", "name": name, "required": True, "schema": schema}


def _replies(found: Endpoint) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for status, shape in found.gives.items():
        headers = _headers(*RATE_HEADERS)
        if found.method in READING and status == 200:
            headers |= _headers("ETag")
        if found.creates:
            headers |= _headers(REPLAYED)
        made[str(status)] = {
            "description": _about(type(shape)) or "It is done.",
            "headers": headers,
            "content": {"application/json": {"schema": shape}},
        }
    if found.gives_text:
        made["200"]["content"]["text/plain"] = {"schema": {"type": "string"}}
    if found.method in READING:
        made["304"] = {"description": "It is as it was.", "headers": _headers(*RATE_HEADERS, "ETag")}
    if found.gives_bytes:
        content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        made["200"] = {
            "description": "The bytes, with their own Content-Type.",
            "headers": _headers("ETag"),
            "content": content,
        }
    for status in _refusals_of(found):
        made.setdefault(str(status), {"$ref": f"#/components/responses/Refused{status}"})
    return made


def _refusals_of(found: Endpoint) -> list[int]:
    """Return the statuses with which this endpoint may say no."""
    statuses = {403, 429, 500, 503}
    if found.needs is not Who.ANYBODY:
        statuses |= {401, 404, 423}
    if found.takes is not None:
        statuses |= {422}
    if found.method not in READING:
        statuses |= {400, 401, 404, 408, 409, 411, 413, 415, 422, 423}
    if found.takes_files:
        statuses |= {507}
    return sorted(statuses)


def _headers(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
