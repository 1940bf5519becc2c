"""A file as a reply: never more than bytes to whoever gets it, whatever is in them."""

from __future__ import annotations

import logging
from urllib.parse import quote

from flask import Response, send_file

from homechat.extensions import current_settings
from homechat.security.headers import use_policy
from homechat.uploads.cards import no_such_file
from homechat.uploads.files import path_of
from homechat.uploads.kinds import OPAQUE_TYPE, WEBP
from homechat.uploads.models import Upload

log = logging.getLogger(__name__)

# No script of it runs, it loads nothing, and it is of no origin, wherever somebody opens it.
POLICY = "sandbox; default-src 'none'"
# Whether one may have it is asked each time; the bytes need not travel again.
CACHE_CONTROL = "private, no-cache"


def reply_with_file(upload: Upload) -> Response:
    """Return the reply that carries a file: shown where we drew or knew it, else to be saved. Ranges are honoured.

    Raises NotFound where its bytes are gone.
    """
    disposition = "attachment" if upload.content_type == OPAQUE_TYPE else "inline"
    return _reply(upload, upload.sha256, upload.content_type, disposition)


def reply_with_thumbnail(upload: Upload) -> Response:
    """Return the reply that carries the small form of a picture, or the file where it has none."""
    if upload.thumbnail_sha256 is None:
        return reply_with_file(upload)
    return _reply(upload, upload.thumbnail_sha256, WEBP.content_type, "inline")


def _reply(upload: Upload, sha256: str, content_type: str, disposition: str) -> Response:
    settings = current_settings()
    try:
        response = send_file(
            path_of(settings.data_dir, sha256), mimetype=content_type, conditional=True, etag=sha256[:32]
        )
    except FileNotFoundError as error:
        log.error("the bytes of the upload %s are not in the data folder", upload.id)
        raise no_such_file() from error
    use_policy(POLICY)
    # The day of somebody's sending it first is nobody else's business.
    response.headers.pop("Last-Modified", None)
    response.headers["Cache-Control"] = CACHE_CONTROL
    # All of it percent-encoded: nothing in a name can end the value, or begin another header (RFC 6266, 8187).
    response.headers["Content-Disposition"] = f"{disposition}; filename*=UTF-8''{quote(upload.name, safe='')}"
    return response
