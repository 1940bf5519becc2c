"""Pictures, drawn anew by a program of their own: what comes out are pixels, and nothing else of what came in."""

from __future__ import annotations

import json
import subprocess  # nosec B404
import sys
import time
from dataclasses import dataclass

from flask_babel import gettext as _

from homechat.errors import Invalid, TooMany, Unavailable
from homechat.turns import NoTurnError, TooManyWaitError, Turns
from homechat.uploads import image_worker
from homechat.uploads.files import Workbench
from homechat.uploads.kinds import GIF, JPEG, PNG, WEBP, Kind

SECONDS = 30.0  # By the clock. Its share of a CPU is less, and a busy house has others to serve.
AT_ONCE_MAX = 2
WAITING_MAX = 20  # As many as go with one message.
TURN_SECONDS = 120.0
RETRY_SECONDS = 10
LOOK_SECONDS = 0.01
_FORMS = {kind.coder: kind for kind in (JPEG, PNG, GIF, WEBP)}

turns = Turns(AT_ONCE_MAX, waiting_max=WAITING_MAX)


@dataclass(frozen=True)
class Picture:
    """What a picture is after it was drawn anew. width, height: in pixels, turned the right way up."""

    kind: Kind
    width: int
    height: int


def draw_anew(bench: Workbench, kind: Kind, *, person_id: int) -> Picture:
    """Draw `bench.source` anew, as `drawn` and `small`. At most two at once, and one of each person.

    Raises Invalid for what is no picture, too large, too long or too much work; TooMany where 20 of the person's wait
    already; Unavailable when very many wait.
    """
    try:
        with turns.one(person_id, seconds=TURN_SECONDS):
            told = _run(bench, kind)
    except TooManyWaitError as error:
        sentence = _("That is a lot of pictures at once. Send the others when these are done.")
        raise TooMany(sentence, retry_after=RETRY_SECONDS) from error
    except NoTurnError as error:
        raise Unavailable(_("A lot is going on here right now. Please try again in a moment.")) from error
    if "form" in told:
        form = _FORMS[str(told["form"])]
        return Picture(form, int(told["width"]), int(told["height"]))
    raise Invalid(_refusal(told.get("refused")))


def _run(bench: Workbench, kind: Kind) -> dict[str, str | int]:
    """Return what the worker says; nothing, when it was ended for taking too much."""
    answer = bench.folder / "answer"
    command = [
        sys.executable,
        "-I",
        "-B",
        image_worker.__file__,
        kind.coder,
        str(bench.drawn),
        str(bench.small),
    ]
    with bench.source.open("rb") as source, answer.open("wb") as output:
        # Nothing in the command was said by anybody.
        process = subprocess.Popen(  # noqa: S603  # nosec B603
            command, stdin=source, stdout=output, stderr=subprocess.DEVNULL, env={}, cwd="/"
        )
        _wait(process)
    try:
        told: dict[str, str | int] = json.loads(answer.read_text(encoding="ascii"))
    except ValueError:
        return {"refused": "too_demanding"}
    return told


def _wait(process: subprocess.Popen[bytes]) -> None:
    """Wait in small steps, which lets other green threads go on, and end the process when its time is up."""
    until = time.monotonic() + SECONDS
    try:
        while process.poll() is None and time.monotonic() < until:
            time.sleep(LOOK_SECONDS)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _refusal(reason: object) -> str:
    sentences = {
        "too_large": _(
            "This picture is too large. Up to %(most)d megapixels can be shared.",
            most=image_worker.PIXELS_MAX // 1_000_000,
        ),
        "too_many_frames": _("This moving picture is too long to be shared. Try a shorter one."),
        "too_demanding": _("This picture is too much work to prepare. Try a smaller one."),
    }
    return sentences.get(str(reason), _("This picture can't be read. It may be damaged."))
