"""The house in numbers as Prometheus reads them: its text format, version 0.0.4. Pure.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from homechat.operations.totals import Totals
from homechat.request_counts import BUCKET_SECONDS, Answered

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Sample:
    """One number. ending: what comes behind the name of its family, such as `_sum`."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    ending: str = ""


@dataclass(frozen=True)
class Family:
    """Numbers of one name. kind: gauge, counter (its name ends in `_total`) or histogram."""

    name: str
    kind: str
    about: str
    samples: tuple[Sample, ...]


def text_of(totals: Totals) -> str:
    """Return all numbers in the form that a scraper reads."""
    return "".join(line for family in _families(totals) for line in _lines(family))


def _families(it: Totals) -> Iterator[Family]:
    info = {"version": it.version, "database": it.database}
    yield Family("homechat_info", "gauge", "Which HomeChat this is.", (Sample(1, info),))
    yield _each("homechat_people", "gauge", "People by their standing, without bots.", "standing", it.people)
    yield _one("homechat_bots", "gauge", "Bots.", it.bots)
    yield _one("homechat_people_online", "gauge", "People with a window open, in any process.", it.online)
    yield _each("homechat_rooms", "gauge", "Rooms in use by their kind.", "kind", it.rooms)
    yield _one("homechat_messages_total", "counter", "Messages ever written.", it.messages)
    yield _one("homechat_files", "gauge", "Files that are shared, counted every five minutes.", it.files)
    yield _one("homechat_file_bytes", "gauge", "What these files have together.", it.file_bytes)
    about = "Deliveries to bots that wait, or were given up."
    yield _each("homechat_deliveries", "gauge", about, "state", it.deliveries)
    yield _one("homechat_database_bytes", "gauge", "What the database takes.", it.database_bytes)
    yield _one("homechat_sockets", "gauge", "Live connections of this process.", it.sockets)
    yield _one("homechat_uptime_seconds", "gauge", "For how long this process has run.", it.up_seconds)
    if it.stalls is not None:
        yield _one("homechat_loop_stalls_total", "counter", "How often the loop stood still.", it.stalls)
    classes = {f"{number}xx": count for number, count in it.answered.by_class.items()}
    yield _each("homechat_requests_total", "counter", "Answered requests by status.", "status", classes)
    yield Family(
        "homechat_request_duration_seconds",
        "histogram",
        "How long requests took, live connections left out.",
        tuple(_histogram(it.answered)),
    )
    yield _one("process_resident_memory_bytes", "gauge", "Memory of this process.", it.memory_bytes)
    yield _one("process_cpu_seconds_total", "counter", "Time that it was at work.", it.cpu_seconds)
    yield _one("process_start_time_seconds", "gauge", "When it began, in seconds since 1970.", it.started)


def _one(name: str, kind: str, about: str, value: float) -> Family:
    return Family(name, kind, about, (Sample(value),))


def _each(name: str, kind: str, about: str, label: str, values: Mapping[str, int]) -> Family:
    return Family(name, kind, about, tuple(Sample(value, {label: which}) for which, value in values.items()))


def _histogram(answered: Answered) -> Iterator[Sample]:
    for most, count in zip(BUCKET_SECONDS, answered.at_most, strict=True):
        yield Sample(count, {"le": str(most)}, "_bucket")
    yield Sample(answered.timed, {"le": "+Inf"}, "_bucket")
    yield Sample(answered.seconds, ending="_sum")
    yield Sample(answered.timed, ending="_count")


def _lines(family: Family) -> Iterable[str]:
    yield f"# HELP {family.name} {_escaped(family.about)}\n"
    yield f"# TYPE {family.name} {family.kind}\n"
    for each in family.samples:
        labels = ",".join(f'{name}="{_escaped(text, quote=True)}"' for name, text in each.labels.items())
        yield f"{family.name}{each.ending}{f'{{{labels}}}' if labels else ''} {each.value!r}\n"


def _escaped(text: str, *, quote: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quote else text
