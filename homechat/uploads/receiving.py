"""Forms with files in them: large, so they are taken apart in another thread and lie on the disk of the house."""

from __future__ import annotations

import re
from tempfile import TemporaryFile
from typing import IO

from flask import Flask, Request, request

from homechat.config import API_PREFIX
from homechat.extensions import current_settings
from homechat.offload import in_native_thread
from homechat.uploads.actions import FILES_MAX, check_count
from homechat.uploads.files import ReceivedFile

FOLDER = "homechat.files_folder"
"""Where in the environment it says in which folder large parts may lie; set by whoever lets a large body in."""
ONE_FILE = re.compile(r"/rooms/\d+/uploads")
MANY_FILES = re.compile(rf"/rooms/\d+/files|{API_PREFIX}/channels/\d+/(media|messages)")
"""Where forms with files go. Whoever lets bodies in asks, before there is a request that Flask could route."""
FIELD = "files"
IN_MEMORY_BYTES = 65_536
OTHER_FIELDS_MAX = 20


class HouseRequest(Request):
    """A request whose files lie where there is room for them: /tmp may be memory."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        folder = self.environ.get(FOLDER)
        if folder is None or (total_content_length or 0) <= IN_MEMORY_BYTES:
            return super()._get_file_stream(total_content_length, content_type, filename, content_length)
        return TemporaryFile("w+b", dir=folder)


def init_receiving(app: Flask) -> None:
    """Have `app` take forms with files apart before anybody, the guard of forms first, asks for a field of them."""
    app.request_class = HouseRequest
    app.before_request(_take_apart)


def received_files(field: str = FIELD) -> list[ReceivedFile]:
    """Return the files of the form, as far as somebody chose any. Raises Invalid past 20."""
    chosen = [it for it in request.files.getlist(field) if it.filename]
    check_count(len(chosen))
    return [ReceivedFile(it.filename or "", it.stream) for it in chosen]


def _take_apart() -> None:
    if FOLDER not in request.environ or request.mimetype != "multipart/form-data":
        return
    settings = current_settings()
    # Who lets large bodies in has counted the bytes.
    request.max_content_length = settings.upload_request_bytes
    request.max_form_memory_size = settings.request_bytes
    request.max_form_parts = FILES_MAX + OTHER_FIELDS_MAX
    form = request._get_current_object()  # type: ignore[attr-defined]
    in_native_thread(lambda: form.form)
