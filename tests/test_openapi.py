"""The API describes itself, truly and in full; and the page that shows the description to people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from marshmallow import Schema, fields
from openapi_spec_validator import validate

from homechat.api import shapes
from homechat.api.endpoints import ENDPOINTS, READING, Who
from homechat.api.openapi import REFUSALS, address_of
from homechat.api.shapes import Mismatch, Shape
from homechat.config import API_PREFIX
from homechat.doors.events import EVENTS
from homechat.doors.replies import CODES
from homechat.doors.shapes import Few, Number, Text, YesOrNo
from homechat.errors import HomeChatError, UnknownEvent
from homechat.security.policy import Scope
from tests.api_client import Program
from tests.conftest import close
from tests.house import House, copy_house

pytestmark = pytest.mark.api


@pytest.fixture(scope="module")
def described(cast_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The document, as a stranger gets it."""
    house = House(copy_house(cast_folder, tmp_path_factory.mktemp("described") / "data"))
    reply = Program(house).get("/openapi.json")
    assert reply.status_code == 200
    yield reply.json
    close(house)


def operations(described: Any) -> dict[str, Any]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }


def test_the_document_is_valid_openapi(described: Any) -> None:
    validate(described)
    assert described["openapi"].startswith("3.1.")


def test_every_endpoint_is_described_and_nothing_besides(house: House, described: Any) -> None:
    assert set(operations(described)) == {f"{it.method} {address_of(it)}" for it in ENDPOINTS.values()}
    routes = {
        re.sub(r"<(?:[^:>]+:)?(\w+)>", r"{\1}", str(rule)).removeprefix(API_PREFIX)
        for rule in house.app.url_map.iter_rules()
        if str(rule).startswith(f"{API_PREFIX}/")
    }
    assert set(described["paths"]) == routes


def test_each_endpoint_promises_what_it_gives_and_says_what_it_does() -> None:
    assert [name for name, it in ENDPOINTS.items() if not (it.gives or it.gives_bytes)] == []
    assert [name for name, it in ENDPOINTS.items() if not it.summary.endswith((".", "?"))] == []


def test_an_operation_says_what_the_token_needs(described: Any) -> None:
    for it in ENDPOINTS.values():
        operation = operations(described)[f"{it.method} {address_of(it)}"]
        scopes = [it.needs.value] if isinstance(it.needs, Scope) else []
        expected = [] if it.needs is Who.ANYBODY else [{"bearer": scopes}, {"apiKey": scopes}]
        assert operation["security"] == expected
        assert operation["operationId"] == it.handler.__name__
        assert {"401", "403", "404", "423"} <= set(operation["responses"]) or it.needs is Who.ANYBODY
        assert "429" in operation["responses"]


def test_an_operation_says_what_one_may_send(described: Any) -> None:
    for it in ENDPOINTS.values():
        operation = operations(described)[f"{it.method} {address_of(it)}"]
        fields = set(it.takes.fields) if it.takes else set()
        named = {each["name"] for each in operation["parameters"] if each.get("in") == "query"}
        assert named == (fields if it.method in READING else set())
        has_key = {"$ref": "#/components/parameters/Idempotency-Key"} in operation["parameters"]
        assert has_key == it.creates
        assert ("requestBody" in operation) == (it.takes is not None and it.method not in READING)


def test_every_list_that_one_may_send_says_how_long_it_may_be(described: Any) -> None:
    lists = [
        found
        for operation in operations(described).values()
        for sent in (operation.get("requestBody", {}), operation["parameters"])
        for found in arrays_in(sent, described)
    ]
    assert len(lists) > 3  # Guard: buttons and files.
    assert [found for found in lists if "maxItems" not in found] == []


def arrays_in(part: Any, described: Any) -> Iterator[Any]:
    """Yield every shape of a list in a part of the document, in what it refers to as well."""
    if isinstance(part, dict):
        if reference := part.get("$ref"):
            kind, name = reference.split("/")[-2:]
            yield from arrays_in(described["components"][kind][name], described)
        if part.get("type") == "array" or "array" in part.get("type", ()):
            yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from arrays_in(inner, described)


def test_every_list_in_an_event_is_one_of_few() -> None:
    lists = [
        found
        for each in EVENTS.values()
        for found in each.schema.fields.values()
        if isinstance(found, fields.List | fields.Tuple)
    ]
    assert lists
    assert all(isinstance(found, Few) for found in lists)


def test_every_field_says_what_it_means(described: Any) -> None:
    shapes = described["components"]["schemas"]
    fields = {
        f"{name}.{field}": schema
        for name, shape in shapes.items()
        for field, schema in shape.get("properties", {}).items()
    }
    asked = {
        f"{operation['operationId']}?{each['name']}": each
        for operation in operations(described).values()
        for each in operation["parameters"]
        if each.get("in") == "query"
    }
    assert len(fields) > 200  # Guard.
    assert len(asked) > 10  # Guard.
    assert [
        name for name, it in (fields | asked).items() if not (it.get("description") or is_object(it))
    ] == []


def is_object(schema: Any) -> bool:
    """Whether it is a thing, or a list of them, that says of each of its own fields what they mean."""
    inner = schema.get("items", schema)
    return "$ref" in inner or any("$ref" in each for each in inner.get("anyOf", inner.get("allOf", [])))


def test_examples_do_for_what_they_are_examples_of() -> None:
    for it in ENDPOINTS.values():
        if it.example is not None:
            assert it.takes is not None
            assert it.takes.validate(it.example) == {}, it.path


def test_every_refusal_that_there_is_is_described() -> None:
    def kinds(of: type[HomeChatError]) -> list[type[HomeChatError]]:
        return [of, *(each for kind in of.__subclasses__() for each in kinds(kind))]

    there_are = {(kind.status, kind.code) for kind in kinds(HomeChatError)[1:] if kind is not UnknownEvent}
    described = {(status, code) for status, (_why, codes) in REFUSALS.items() for code in codes}
    assert there_are - described == set()
    assert set(CODES) - set(REFUSALS) == set()


def test_the_api_document_names_every_way_to_say_no() -> None:
    text = (Path(__file__).resolve().parent.parent / "docs" / "api.md").read_text(encoding="utf-8")
    table = text.split("\n## When it says no\n", 1)[1]
    documented = {
        int(status): set(re.findall(r"`(\w+)`", codes))
        for status, codes in re.findall(r"^\| (\d{3}) \| ([^|]+) \|", table, re.MULTILINE)
    }
    assert documented == {status: set(codes) for status, (_why, codes) in REFUSALS.items()}


def test_the_document_says_nothing_of_the_house(cast_folder: Path, tmp_path: Path) -> None:
    url = "https://cosy-attic.example/chat"
    house = House(copy_house(cast_folder, tmp_path / "data"), public_url=url)
    reply = Program(house).get("/openapi.json", base_url="https://cosy-attic.example/chat")
    assert reply.status_code == 200
    assert reply.json["servers"] == [{"url": "/chat/api/v1"}]
    assert "cosy-attic" not in reply.text
    close(house)


# Replies are what was promised


class Cat(Shape):
    OPTIONAL = frozenset({"nickname"})

    name = Text()
    lives = Number(allow_none=True)
    is_asleep = YesOrNo()
    nickname = Text()


def test_a_reply_is_just_what_its_shape_says() -> None:
    cat = {"name": "Mog", "lives": None, "is_asleep": True}
    assert Cat().dump(cat) == cat
    assert Cat().dump({**cat, "nickname": "Moggy"}) == {**cat, "nickname": "Moggy"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"owner": "ada"},
        {"name": None},
        {"name": 7},
        {"lives": "9"},
        {"lives": True},
        {"is_asleep": 1},
        {"is_asleep": None},
    ],
)
def test_a_reply_of_another_shape_is_stopped(wrong: dict[str, Any]) -> None:
    with pytest.raises((Mismatch, TypeError)):
        Cat().dump({"name": "Mog", "lives": 9, "is_asleep": True, **wrong})


def test_a_reply_that_lacks_something_is_stopped() -> None:
    with pytest.raises(Mismatch, match="lives"):
        Cat().dump({"name": "Mog", "is_asleep": True})


def test_the_shared_shapes_are_those_of_the_contract() -> None:
    def fields(shape: type[Schema]) -> set[str]:
        return set(shape().fields)

    assert fields(shapes.Author) == {"id", "username"}
    assert fields(shapes.User) - {"display_name"} == {
        *("id", "username", "is_online", "status", "last_seen_at"),
        *("avatar_url", "avatar_initials", "avatar_color_index"),
    }
    assert fields(shapes.Channel) == {
        *("id", "name", "description", "type", "member_count", "online_member_count"),
        *("last_message", "unread_count", "is_member", "created_at"),
    }
    assert fields(shapes.Message) >= {
        *("id", "content", "created_at", "edited_at", "message_type", "channel_id"),
        *("user", "files", "reactions", "reply_to"),
    }
    assert fields(shapes.File) - {"width", "height"} == {
        "id",
        "name",
        "content_type",
        "byte_size",
        "url",
        "thumbnail_url",
    }
    assert fields(shapes.Found) - {"has_more", "oldest_id"} == {
        "users",
        "channels",
        "messages",
        "totalResults",
    }


# The page


def test_people_read_of_every_endpoint_on_a_page(house: House) -> None:
    page = house.client("gus").get("/api/docs")

    assert page.status_code == 200
    for it in ENDPOINTS.values():
        assert f'id="to-{it.handler.__name__}"' in page.text
        assert f'<code class="operation__path">{address_of(it)}</code>' in page.text
    assert "curl -X POST http://localhost/api/v1/signin" in page.text
    assert page.text.count("<pre") == len(ENDPOINTS)
    ids = re.findall(r'\bid="([^"]+)"', page.text)
    assert len(ids) == len(set(ids))


def test_the_page_speaks_to_people(house: House) -> None:
    page = house.client("ada").get("/api/docs").text
    assert "<code>danger</code> (what can&#39;t be taken back)" in page
    assert "`" not in page.partition("<main")[2]
    assert not re.search(r"docs/\w+\.md", page), "nobody can open a file of ours there"


def test_strangers_do_not_see_the_page(house: House) -> None:
    assert house.client().get("/api/docs").location.startswith("/sign-in")


def test_the_page_is_linked_where_tokens_are(house: House) -> None:
    for path in ("/me/tokens", "/admin/tokens"):
        assert 'href="/api/docs"' in house.client("ada").get(path).text


def test_the_examples_of_the_page_are_whole_requests(house: House) -> None:
    page = house.client("ada").get("/api/docs").text
    for lines in re.findall(r'<pre class="copy-code__lines"[^>]*>(.+?)</pre>', page, re.DOTALL):
        assert lines.startswith("curl ")
        assert "{" not in lines.split("-d ")[0], "places in the address are filled in"
        if "-d " in lines:
            assert isinstance(json.loads(_unescaped(lines).split("-d ", 1)[1].strip("'")), dict)


def _unescaped(html: str) -> str:
    return html.replace("&#34;", '"').replace("&#39;", "'").replace("&amp;", "&")
