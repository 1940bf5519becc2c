"""The house in numbers: true, in the form that Prometheus reads, and for nobody but those who watch over it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from homechat import audit, clock
from homechat.actor import Actor
from homechat.bots.models import WebhookDelivery
from homechat.database import transaction
from homechat.errors import NotFound
from homechat.lockdown import Kind
from homechat.messages.counting import messages_ever
from homechat.operations import lockdown as closing
from homechat.operations.prometheus import CONTENT_TYPE, text_of
from homechat.operations.totals import totals
from homechat.security.policy import RoomKind
from tests.api_client import Program, new_token
from tests.attempts import a_bot, message_of
from tests.conftest import close
from tests.house import House, copy_house
from tests.server_process import ServerProcess
from tests.sharing import send, share
from tests.test_documents import section

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (-?[0-9.]+(?:e[+-]?[0-9]+)?)")
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "text/plain;version=0.0.4;q=0.4,*/*;q=0.2"
)
NEARBY = {"environ_overrides": {"REMOTE_ADDR": "10.8.0.5"}}


def read(text: str) -> dict[str, float]:
    """Return each sample by how it is spelled, after checking all that the text format demands."""
    assert text.endswith("\n")
    samples: dict[str, float] = {}
    kinds: dict[str, str] = {}
    helped: list[str] = []
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _hash, _help, name, about = line.split(" ", 3)
            assert about
            helped.append(name)
        elif line.startswith("# TYPE "):
            _hash, _type, name, kind = line.split(" ")
            assert name == helped[-1], "HELP stands before TYPE"
            assert name not in kinds, "each family stands together"
            assert (kind == "counter") == name.endswith("_total")
            kinds[name] = kind
        else:
            found = SAMPLE.fullmatch(line)
            assert found, line
            family = helped[-1]
            ending = found[1].removeprefix(family)
            assert ending in (("_bucket", "_sum", "_count") if kinds[family] == "histogram" else ("",)), line
            spelled = line.rpartition(" ")[0]
            assert spelled not in samples
            samples[spelled] = float(found[3])
    assert list(kinds) == helped
    return samples


@pytest.fixture
def scraped(cast_folder: Path, tmp_path: Path) -> Iterator[House]:
    """A house that is read without a token from 10.8.0.0/24."""
    house = House(copy_house(cast_folder, tmp_path / "data"), metrics_networks=("10.8.0.0/24", "fd00:8::/64"))
    yield house
    close(house)


def scrape(house: House, **request: Any) -> Any:
    return house.app.test_client(use_cookies=False).get("/metrics", base_url="https://localhost", **request)


# what the numbers are


def test_the_numbers_are_those_of_the_house(house: House) -> None:
    room = house.room("ben", "cleo", kind=RoomKind.PRIVATE)
    house.direct("ben", "cleo")
    before = house.act(messages_ever)
    house.say("ben", room, "Hello")
    send(house, "ben", room, share(house, "ben", room, "a.txt", b"seven!!"))

    seen = house.act(totals, house.actor("ada"))

    assert seen.people == {"active": 5, "pending": 0, "locked": 0}
    assert (seen.bots, seen.online, seen.sockets) == (1, 0, 0)
    assert seen.rooms["private"] == 1
    assert seen.rooms["direct"] >= 1
    assert seen.messages == before + 2
    assert (seen.files, seen.file_bytes) == (1, 7)
    assert seen.deliveries == {"waiting": 0, "dead": 0}
    assert seen.database_bytes >= (house.data_dir / "homechat.db").stat().st_size > 0
    assert 10_000_000 < seen.memory_bytes < 4_000_000_000
    assert seen.stalls is None, "nobody serves here, so there is no loop"


def test_files_are_counted_again_after_five_minutes(house: House) -> None:
    ada = house.actor("ada")
    assert house.act(totals, ada).files == 0
    room = house.room("ben")
    send(house, "ben", room, share(house, "ben", room, "a.txt", b"words"))

    assert house.act(totals, ada).files == 0
    with clock.moved(timedelta(minutes=5, seconds=1)):
        assert house.act(totals, ada).files == 1


def test_deliveries_that_wait_or_were_given_up_are_counted(house: House) -> None:
    bot, message = a_bot(house), message_of(house, "ben")
    with house.rows() as session, transaction():
        for number, state in enumerate(("waiting", "waiting", "dead", "delivered")):
            row = WebhookDelivery(uuid=f"of-test-{number}", bot_id=bot, message_id=message, state=state)
            session.add(row)

    assert house.act(totals, Actor.operator()).deliveries == {"waiting": 2, "dead": 1}


def test_the_numbers_are_for_those_who_run_the_house(house: House) -> None:
    for name in ("ben", "gus", "rex"):
        with pytest.raises(NotFound):
            house.act(totals, house.actor(name))


# how they are told


def test_the_text_is_as_prometheus_wants_it(house: House) -> None:
    seen = house.act(totals, Actor.operator())
    samples = read(text_of(replace(seen, stalls=3)))

    assert samples["homechat_loop_stalls_total"] == 3
    assert samples['homechat_people{standing="active"}'] == 5
    assert samples["homechat_messages_total"] == seen.messages
    assert samples["process_start_time_seconds"] > 1_700_000_000
    assert "homechat_loop_stalls_total" not in read(text_of(seen)), "what is not there is not 0"


def test_what_is_said_in_a_label_cannot_make_a_line_of_its_own(house: House) -> None:
    odd = replace(house.act(totals, Actor.operator()), version='1"2\\3\n4')
    assert r'homechat_info{version="1\"2\\3\n4",database="sqlite"} 1' in text_of(odd).splitlines()
    read(text_of(odd))


def test_the_histogram_adds_up(house: House) -> None:
    counts = house.app.extensions["homechat_request_counts"]
    for seconds in (0.001, 0.3, 60.0):
        counts.add(200, seconds)

    samples = read(text_of(house.act(totals, Actor.operator())))

    buckets = {spelled: value for spelled, value in samples.items() if "_bucket" in spelled}
    assert list(buckets.values()) == sorted(buckets.values())
    assert buckets['homechat_request_duration_seconds_bucket{le="0.25"}'] == 1
    assert buckets['homechat_request_duration_seconds_bucket{le="10.0"}'] == 2
    assert buckets['homechat_request_duration_seconds_bucket{le="+Inf"}'] == 3
    assert samples["homechat_request_duration_seconds_count"] == 3
    assert samples["homechat_request_duration_seconds_sum"] == pytest.approx(60.301)
    assert samples['homechat_requests_total{status="2xx"}'] == 3


def test_the_document_has_every_number_in_both_forms(house: House) -> None:
    table = section("monitoring.md", "Numbers")
    text = text_of(replace(house.act(totals, Actor.operator()), stalls=0))
    families = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    program = Program(house, new_token(house, "ada", "admin:read")[1])
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row[0])} == families
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row[1])} == set(
        program.get("/metrics").json
    )


# by the API


@pytest.mark.api
def test_a_program_with_the_scope_reads_json_or_text(house: House) -> None:
    program = Program(house, new_token(house, "ada", "admin:read")[1])

    as_json = program.get("/metrics")
    as_text = program.get("/metrics", headers={"Accept": "text/plain"})

    assert as_json.json["people"] == {"active": 5, "pending": 0, "locked": 0}
    assert as_json.json["files"] == {"count": 0, "bytes": 0}
    assert as_json.headers["ETag"] != as_text.headers["ETag"]
    assert as_text.content_type == CONTENT_TYPE
    assert read(as_text.text)["homechat_bots"] == 1
    assert as_text.headers["X-RateLimit-Limit"] == "300"
    assert program.get("/metrics", headers={"Accept": PROMETHEUS}).content_type == CONTENT_TYPE
    assert program.get("/metrics", headers={"Accept": "*/*"}).is_json


# at /metrics


def test_a_scraper_with_the_scope_reads_the_numbers(house: House) -> None:
    _row, token = new_token(house, "ada", "admin:read")
    for headers in ({"Authorization": f"Bearer {token}"}, {"X-API-Key": token}):
        reply = scrape(house, headers=headers)
        assert (reply.status_code, reply.content_type) == (200, CONTENT_TYPE)
        assert reply.headers["Cache-Control"] == "no-store"
        assert read(reply.text)["homechat_bots"] == 1


def test_to_every_other_token_there_is_nothing_here(house: House) -> None:
    _row, member = new_token(house, "ben", "messages:read")
    _row, lacking = new_token(house, "ada", "admin:write", "users:read")
    for token in (member, lacking, f"hc_abcdefgh_{'A' * 43}", "x"):
        reply = scrape(house, headers={"Authorization": f"Bearer {token}"})
        assert reply.status_code == 404, token
        assert "homechat_" not in reply.text
    assert scrape(house).status_code == 404
    _row, token = new_token(house, "ada", "admin:read")
    assert scrape(house, query_string={"token": token, "access_token": token}).status_code == 404


def test_a_lockdown_of_tokens_stops_scrapers_with_one(house: House) -> None:
    _row, token = new_token(house, "ada", "admin:read")
    headers = {"Authorization": f"Bearer {token}"}
    assert scrape(house, headers=headers).status_code == 200
    house.act(closing.start, Actor.operator(), Kind.TOKENS, hours=1, reason="")
    assert scrape(house, headers=headers).status_code == 423


def test_a_token_that_came_over_plain_http_is_refused_and_written_down(
    cast_folder: Path, tmp_path: Path
) -> None:
    house = House(copy_house(cast_folder, tmp_path / "data"), public_url="https://chat.example")
    row, token = new_token(house, "ada", "admin:read")
    headers = {"Authorization": f"Bearer {token}"}
    client = house.app.test_client(use_cookies=False)

    assert client.get("/metrics", base_url="http://chat.example", headers=headers).status_code == 404

    entry = house.act(audit.entries, action=audit.Action.API_REQUEST)[0]
    assert (entry.subject, entry.detail["refused"]) == (f"token:{row.id}", "plain http")
    assert client.get("/metrics", base_url="https://chat.example", headers=headers).status_code == 200
    close(house)


def test_one_of_the_named_networks_needs_no_token(scraped: House) -> None:
    for address in ("10.8.0.5", "::ffff:10.8.0.5", "fd00:8::7", "fd00:8::7%eth0"):
        reply = scrape(scraped, environ_overrides={"REMOTE_ADDR": address})
        assert reply.status_code == 200, address
        assert read(reply.text)["homechat_bots"] == 1
    for address in ("10.8.1.5", "127.0.0.1", "fd00:9::7", "", "nonsense"):
        assert scrape(scraped, environ_overrides={"REMOTE_ADDR": address}).status_code == 404, address
    closed = scraped.act(closing.start, Actor.operator(), Kind.ALL, hours=1, reason="")
    assert closed
    assert scrape(scraped, **NEARBY).status_code == 200, "who watches sees the house, closed or not"


@pytest.mark.parametrize(
    "header", ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP"]
)
def test_what_came_through_a_proxy_is_not_near(scraped: House, header: str) -> None:
    assert scrape(scraped, **NEARBY).status_code == 200, "guard"
    for said in ("10.8.0.5", "203.0.113.9", "https", ""):
        assert scrape(scraped, headers={header: said}, **NEARBY).status_code == 404, said


def test_a_wrong_token_is_wrong_also_from_nearby(scraped: House) -> None:
    headers = {"Authorization": f"Bearer hc_abcdefgh_{'A' * 43}"}
    assert scrape(scraped, headers=headers, **NEARBY).status_code == 404


# over a wire


def get(server: ServerProcess, **headers: str) -> requests.Response:
    return requests.get(f"http://127.0.0.1:{server.port}/metrics", headers=headers, timeout=10)


@pytest.mark.parametrize("proxies", ["0", "1"])
def test_a_served_house_tells_its_neighbours_how_it_does(
    cast_folder: Path, tmp_path: Path, proxies: str
) -> None:
    variables = {"HOMECHAT_METRICS_NETWORKS": "127.0.0.0/8", "HOMECHAT_TRUSTED_PROXY_COUNT": proxies}
    with ServerProcess(copy_house(cast_folder, tmp_path / "data"), variables) as server:
        get(server)
        reply = get(server)
        proxied = [get(server, **{"X-Forwarded-For": address}) for address in ("127.0.0.1", "203.0.113.9")]

    samples = read(reply.text)
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, CONTENT_TYPE)
    assert samples['homechat_requests_total{status="2xx"}'] >= 1
    assert samples["homechat_request_duration_seconds_count"] >= 1
    assert samples["homechat_uptime_seconds"] < 600
    assert [each.status_code for each in proxied] == [404, 404]


def test_a_served_house_tells_strangers_nothing(shared_server: ServerProcess) -> None:
    assert get(shared_server).status_code == 404
    assert get(shared_server, **{"X-Forwarded-For": "127.0.0.1"}).status_code == 404


def test_the_loop_of_a_served_house_is_among_the_numbers(
    shared_server: ServerProcess, shared_house: House
) -> None:
    _row, token = new_token(shared_house, "ada", "admin:read")
    samples = read(get(shared_server, Authorization=f"Bearer {token}").text)
    has_loop = shared_server.env.get("HOMECHAT_ASYNC_MODE") != "threading"
    assert ("homechat_loop_stalls_total" in samples) == has_loop
