"""A server that has only just started, and the weight of the first page."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable
from html import unescape

from benchmarks.figures import Figure
from benchmarks.processes import resident_bytes
from benchmarks.servers import HomeChat, Server
from tests.talkers import Talker

PARTS = re.compile(r'(?:href|src)="(/static/[^"]+\.(?:js|css|svg|woff2)[^"]*)"')


def measure_start(server: Server) -> list[Figure]:
    """Measure the start until connections are taken, and the memory that is held then."""
    return [
        Figure("server", "until it answers", server.started_in, "s"),
        Figure("server", "idle memory", resident_bytes(server.pid) / 1e6, "MB"),
    ]


def measure_first_page(server: HomeChat) -> list[Figure]:
    """Measure what a browser loads that has never been here: the list of conversations, scripts and style sheets."""
    person = Talker(server.url, "ben").sign_in()
    html = person.get("/").text
    paths = ["/", *sorted({unescape(path) for path in PARTS.findall(html)})]
    return [
        Figure("first page", "as it is served", sum(_transferred(person, paths)) / 1000, "kB"),
        Figure("first page", "each part gzip'd", sum(_packed(person, paths)) / 1000, "kB"),
        Figure("first page", "requests", len(paths), ""),
    ]


def _transferred(person: Talker, paths: Iterable[str]) -> Iterable[int]:
    for path in paths:
        reply = person.get(path, headers={"Accept-Encoding": "gzip"}, stream=True)
        assert reply.status_code == 200, path
        yield len(reply.raw.read(decode_content=False))


def _packed(person: Talker, paths: Iterable[str]) -> Iterable[int]:
    for path in paths:
        yield len(gzip.compress(person.get(path).content, 6))
