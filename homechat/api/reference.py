"""The OpenAPI document in the form in which a page shows it: in groups, with each field in words. Pure.

What it says of addresses and fields is English, as the documents are; words around it are the reader's.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _

Json = dict[str, Any]

DEPTH_MAX = 3
TITLES = {"openapi": "OpenAPI"}
SAMPLES: dict[str, Any] = {"string": "…", "integer": 1, "boolean": True, "array": [], "object": {}}


@dataclass(frozen=True)
class Field:
    """A field of what is sent or given. name: with dots where it is inside of another, and [] where there are many."""

    name: str
    kind: str
    required: bool
    about: str


@dataclass(frozen=True)
class Reply:
    """What comes back, by its status."""

    status: str
    about: str
    fields: list[Field]


@dataclass(frozen=True)
class Operation:
    """One thing that programs may ask for. scope: what the token needs; "": any; None: no token."""

    id: str
    method: str
    path: str
    summary: str
    about: str
    scope: str | None
    parameters: list[Field]
    body_about: str
    body: list[Field]
    replies: list[Reply]
    refusals: list[str]
    curl: str

    @property
    def is_reading(self) -> bool:
        return self.method == "GET"


@dataclass(frozen=True)
class Group:
    """What belongs together."""

    id: str
    title: str
    about: str
    operations: list[Operation]


def groups_of(document: Json, *, origin: str) -> list[Group]:
    """Return everything that the document has, group by group. origin: scheme, host and port, for the examples."""
    return [
        Group(
            id=tag["name"],
            title=TITLES.get(tag["name"], tag["name"].replace("_", " ").capitalize()),
            about=tag["description"],
            operations=[
                operation
                for path, methods in document["paths"].items()
                for method, found in methods.items()
                if method != "parameters" and tag["name"] in found["tags"]
                for operation in [_operation(document, origin, path, method.upper(), found)]
            ],
        )
        for tag in document["tags"]
    ]


def _operation(document: Json, origin: str, path: str, method: str, found: Json) -> Operation:
    sent = found.get("requestBody", {}).get("content", {}).get("application/json", {})
    shape = _resolved(document, sent.get("schema", {}))
    security = found["security"]
    replies = {status: _resolved(document, reply) for status, reply in found["responses"].items()}
    return Operation(
        id=found["operationId"],
        method=method,
        path=path,
        summary=found["summary"],
        about=found.get("description", ""),
        scope="".join(security[0]["bearer"]) if security else None,
        parameters=[_parameter(document, each) for each in found["parameters"]],
        body_about=shape.get("description", ""),
        body=list(_fields(document, shape)),
        replies=[
            Reply(status, reply["description"], list(_fields(document, _shape_of(document, reply))))
            for status, reply in replies.items()
            if status < "400"
        ],
        refusals=[status for status in replies if status >= "400"],
        curl=_curl(origin + document["servers"][0]["url"] + path, method, document, found),
    )


def _parameter(document: Json, each: Json) -> Field:
    each = _resolved(document, each)
    about = each.get("description", "")
    return Field(each["name"], _kind(document, each["schema"]), each.get("required", False), about)


def _shape_of(document: Json, reply: Json) -> Json:
    return _resolved(document, reply.get("content", {}).get("application/json", {}).get("schema", {}))


def _fields(document: Json, shape: Json, before: str = "", depth: int = 1) -> Iterator[Field]:
    required = shape.get("required", [])
    for name, schema in shape.get("properties", {}).items():
        inner = _resolved(document, schema)
        is_list = "array" in _types(inner)
        full_name = f"{before}{name}{'[]' if is_list else ''}"
        below = _resolved(document, inner.get("items", {})) if is_list else inner
        about = inner.get("description") or below.get("description", "")
        yield Field(full_name, _kind(document, schema), name in required, about)
        if depth < DEPTH_MAX:
            yield from _fields(document, below, f"{full_name}.", depth + 1)


def _kind(document: Json, schema: Json) -> str:
    """Return what may stand there, in words."""
    inner = _resolved(document, schema)
    types = _types(inner)
    words = [_word(inner, each) for each in types if each != "null"] or [_("anything")]
    if "enum" in inner:
        words = [" | ".join(str(each) for each in inner["enum"] if each is not None)]
    if "array" in types:
        words = [_("list")]
    if "null" in types or {"type": "null"} in schema.get("anyOf", []):
        words.append(_("or null"))
    return " ".join(words)


def _word(schema: Json, kind: str) -> str:
    if schema.get("format") == "date-time":
        return _("time")
    return {
        "string": _("text"),
        "integer": _("number"),
        "boolean": _("true or false"),
        "object": _("object"),
    }.get(kind, kind)


def _types(schema: Json) -> list[str]:
    kind = schema.get("type", [])
    return kind if isinstance(kind, list) else [kind]


def _resolved(document: Json, part: Json) -> Json:
    """Return what a reference points at, alone or with what is said beside it."""
    if "$ref" in part:
        found: Any = document
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return {**_resolved(document, found), **{k: v for k, v in part.items() if k != "$ref"}}
    for both in ("allOf", "anyOf"):
        named = [each for each in part.get(both, []) if "$ref" in each]
        if named:
            return {**_resolved(document, named[0]), **{k: v for k, v in part.items() if k != both}}
    return part


def _curl(url: str, method: str, document: Json, found: Json) -> str:
    for name in (_resolved(document, each) for each in found["parameters"]):
        if name["in"] == "path":
            sample = "7" if name["schema"]["type"] == "integer" else name["name"].upper()
            url = url.replace(f"{{{name['name']}}}", sample)
    lines = [f"curl {'' if method == 'GET' else f'-X {method} '}{shlex.quote(url)}"]
    if found["security"]:
        lines.append("-H 'Authorization: Bearer hc_…'")
    if "requestBody" in found:
        sent = found["requestBody"]["content"]["application/json"]
        body = sent.get("example") or _sample(document, _resolved(document, sent["schema"]))
        lines.append("-H 'Content-Type: application/json'")
        lines.append(f"-d {shlex.quote(json.dumps(body, ensure_ascii=False))}")
    return " \\\n  ".join(lines)


def _sample(document: Json, shape: Json) -> Json:
    """Return something that has this shape: what must be there, with a value that says little."""
    required = shape.get("required", [])
    made = {}
    for name, schema in shape.get("properties", {}).items():
        inner = _resolved(document, schema)
        if name in required:
            made[name] = inner["enum"][0] if "enum" in inner else SAMPLES.get(_types(inner)[0])
    return made
