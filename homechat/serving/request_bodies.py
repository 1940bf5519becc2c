"""Bodies of requests, read to their end before anything else of the house is touched.

Whoever sends a byte now and then must hold neither a database connection nor a place among those who write. So nobody
behind this layer ever waits for a client's next byte, and one deadline covers the whole body.
"""

import re
import socket
import time
from collections.abc import Callable, Iterable
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, NamedTuple

from werkzeug.wsgi import ClosingIterator

from homechat import data_folder
from homechat.config import Settings
from homechat.serving.refusals import refuse
from homechat.uploads.receiving import FOLDER

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FORM = "application/x-www-form-urlencoded"
FORM_WITH_FILES = "multipart/form-data"
READER = "homechat.read_within"
MEMORY_BYTES = 65_536
PIECE_BYTES = 65_536
FIELDS_MAX = 1000
BESIDE_A_FILE_BYTES = 65_536
"""What a form with one file has besides its bytes."""
ONE_FILE = re.compile(r"/rooms/\d+/uploads")
MANY_FILES = re.compile(r"/rooms/\d+/files|/api/v1/channels/\d+/(media|messages)")

Reader = Callable[[int, float], bytes]


class Limits(NamedTuple):
    """What a body may be. is_large: it has files in it, so it lies on the disk of the house, and only for people."""

    bytes_max: int
    seconds: float
    is_large: bool = False


class WholeBodies:
    """WSGI: hand on a body that is all there; answer 413 before reading too much, 408 when it does not come in time.

    And 400 to a form of more than 1,000 fields: to take half a megabyte of them apart takes a quarter of a second.
    Forms with files may be larger and take longer, from those who are known here.

    refusal_of_files: asked before a large one is read: why it may not come, a status and a sentence, or None.
    """

    def __init__(
        self,
        app: "WSGIApplication",
        settings: Settings,
        refusal_of_files: "Callable[[WSGIEnvironment], tuple[int, str] | None]" = lambda environ: None,
    ) -> None:
        self._app = app
        self._prefix = settings.path_prefix
        self._folder = data_folder.incoming_dir(settings.data_dir)
        self._refusal_of_files = refusal_of_files
        self._usual = Limits(settings.request_bytes, settings.request_seconds)
        self._of_one_file = Limits(
            settings.upload_bytes + BESIDE_A_FILE_BYTES, settings.upload_seconds, is_large=True
        )
        self._of_many_files = Limits(settings.upload_request_bytes, settings.upload_seconds, is_large=True)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        length = _length_of(environ)
        if length == 0:
            return self._app(environ, start_response)
        if length is None:
            return refuse(environ, start_response, 400, "The length of the body makes no sense.")
        limits = self._limits(environ)
        if length > limits.bytes_max:
            return refuse(environ, start_response, 413, "That is too big to send.")
        # A small one takes nothing from anybody, and is refused in better words further in.
        if length > self._usual.bytes_max and (refusal := self._refusal_of_files(environ)):
            return refuse(environ, start_response, *refusal)
        body = self._place_for(length, environ, limits)
        try:
            separators = _copy(_reader_of(environ), body, length, until=time.monotonic() + limits.seconds)
        except (TimeoutError, EOFError, ConnectionError) as error:
            body.close()
            if isinstance(error, TimeoutError):
                return refuse(environ, start_response, 408, "That took too long to send.")
            return refuse(environ, start_response, 400, "The body ends too early.")
        if separators >= FIELDS_MAX and environ.get("CONTENT_TYPE", "").lower().startswith(FORM):
            body.close()
            return refuse(environ, start_response, 400, "That form has too many fields.")
        body.seek(0)
        environ["wsgi.input"] = body
        return ClosingIterator(self._app(environ, start_response), [body.close])

    def _limits(self, environ: "WSGIEnvironment") -> Limits:
        if not environ.get("CONTENT_TYPE", "").lower().startswith(FORM_WITH_FILES):
            return self._usual
        path = environ.get("PATH_INFO", "").removeprefix(self._prefix)
        if ONE_FILE.fullmatch(path):
            return self._of_one_file
        return self._of_many_files if MANY_FILES.fullmatch(path) else self._usual

    def _place_for(self, length: int, environ: "WSGIEnvironment", limits: Limits) -> IO[bytes]:
        """Return where the body is put: /tmp may be memory, and is no place for large ones."""
        if limits.is_large:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            environ[FOLDER] = str(self._folder)
        if length <= MEMORY_BYTES:
            return BytesIO()
        return TemporaryFile(dir=self._folder if limits.is_large else None)


def reader(connection: socket.socket, read1: Callable[[int], bytes]) -> Reader:
    """Return what a web server puts into the environment as READER: what has come of the body within some seconds.

    read1: gives what has come, so many bytes at most, b"" at the end, and waits for the first of them only.
    """

    def read_within(size: int, seconds: float) -> bytes:
        usual = connection.gettimeout()
        connection.settimeout(seconds)
        try:
            return read1(size)
        finally:
            connection.settimeout(usual)

    return read_within


def _length_of(environ: "WSGIEnvironment") -> int | None:
    text = environ.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isascii() and text.isdigit() else None


def _reader_of(environ: "WSGIEnvironment") -> Reader:
    given: Reader = environ.get(READER) or (lambda size, seconds: environ["wsgi.input"].read(size))
    return given


def _copy(read: Reader, body: IO[bytes], length: int, *, until: float) -> int:
    """Copy what comes, and return how often it has what stands between the fields of a form."""
    separators = 0
    while length:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        piece = read(min(length, PIECE_BYTES), left)
        if not piece:
            raise EOFError
        body.write(piece)
        length -= len(piece)
        separators += piece.count(b"&")
    return separators
