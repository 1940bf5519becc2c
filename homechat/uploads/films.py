"""Films lose what tells where and by whom they were made, without being made anew: there is nothing here to do that."""

from __future__ import annotations

from typing import IO

from flask_babel import gettext as _

from homechat import offload
from homechat.errors import Invalid
from homechat.uploads import iso_media, matroska
from homechat.uploads.boxes import CannotCleanError
from homechat.uploads.files import Workbench
from homechat.uploads.kinds import HEIC, LOCATED, Kind


def _refuse(file: IO[bytes]) -> None:
    raise CannotCleanError


_CLEANERS = {"iso": iso_media.clean, "matroska": matroska.clean, "uncleaned": _refuse}


def clean(bench: Workbench, kind: Kind) -> None:
    """Blank everything in `bench.source` but pictures and sound, where it is a film. Raises Invalid where we cannot."""
    if kind is HEIC:
        raise Invalid(
            _(
                "HomeChat can't take this kind of iPhone picture (HEIC)."
                " Choose it from Photos instead of Files, or take a screenshot of it."
            )
        )
    if kind is LOCATED:
        raise Invalid(
            _(
                "HomeChat can't take this kind of picture: it tells where it was taken."
                " Save it as JPEG, or take a screenshot of it."
            )
        )
    cleaner = _CLEANERS.get(kind.coder)
    if cleaner is None:
        return

    def work() -> None:
        with bench.source.open("r+b") as file:
            cleaner(file)

    try:
        offload.in_native_thread(work)
    except CannotCleanError as error:
        raise Invalid(
            _("We can't tell whether this recording says where it was made, so it can't be shared.")
        ) from error
