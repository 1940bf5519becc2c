"""Bodies of requests, read to their end before anything else of the house is touched.

Whoever sends a byte now and then must hold neither a database connection nor a place among those who write. So nobody
behind this layer ever waits for a client's next byte, and one deadline covers the whole body. What is announced is
counted before it is read, so that many who announce much at once fill neither memory nor disk.
"""

import logging
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, NamedTuple

from werkzeug.wsgi import ClosingIterator

from homechat import data_folder
from homechat.addresses import address_key
from homechat.config import Settings
from homechat.serving.refusals import refuse
from homechat.serving.under_way import Place, UnderWay
from homechat.uploads.receiving import FOLDER, MANY_FILES, ONE_FILE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

FORM = "application/x-www-form-urlencoded"
FORM_WITH_FILES = "multipart/form-data"
READER = "homechat.read_within"
SENDER = "homechat.sender_of_files"
"""Where in the environment it says which person sends files; set by whoever knows them."""
MEMORY_BYTES = 65_536
PIECE_BYTES = 65_536
FIELDS_MAX = 1000
BESIDE_A_FILE_BYTES = 65_536
"""What a form with one file has besides its bytes."""

COPIES = 3
"""How often the bytes of a file lie on the disk while it is taken in: as the body, as a part of it, as what we keep."""
LARGE_ONES_MAX, LARGE_ONES_OF_ONE_PERSON = 10, 3
USUAL_ONES_MAX, USUAL_ONES_OF_ONE_PERSON = 128, 32
STRANGERS_ONES_MAX, STRANGERS_ONES_OF_ONE_ADDRESS = 16, 4
"""How many of the largest size are under way at once; of smaller ones there may be more. Strangers have places of their
own, so that they take none from those who live here; calls of bots are among theirs, for who calls is known later.
"""

Refusal = tuple[int, str]
UNREAD: Refusal = (0, "")
"""Whoever is further in refuses it in better words, and does not need the body for that."""
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

    refusal_of_files: asked before a large one is read: why it may not come, a status and a sentence, UNREAD, or None.
    It can ask how many bytes of disk are spoken for with it, and puts SENDER into the environment.
    sender_of: which person sends a smaller one, None: a stranger; whatever it raises, nobody can tell now.
    """

    def __init__(
        self,
        app: "WSGIApplication",
        settings: Settings,
        refusal_of_files: "Callable[[WSGIEnvironment, Callable[[], int]], Refusal | None]" = (
            lambda environ, for_bytes: None
        ),
        sender_of: "Callable[[WSGIEnvironment], int | None]" = lambda environ: None,
    ) -> None:
        self._app = app
        self._prefix = settings.path_prefix
        self._folder = data_folder.incoming_dir(settings.data_dir)
        self._refusal_of_files = refusal_of_files
        self._sender_of = sender_of
        self._usual = Limits(settings.request_bytes, settings.request_seconds)
        self._of_one_file = Limits(
            settings.upload_bytes + BESIDE_A_FILE_BYTES, settings.upload_seconds, is_large=True
        )
        self._of_many_files = Limits(settings.upload_request_bytes, settings.upload_seconds, is_large=True)
        largest = max(self._of_one_file.bytes_max, self._of_many_files.bytes_max)
        self._large_ones = UnderWay(
            bytes_max=LARGE_ONES_MAX * largest, share_bytes=LARGE_ONES_OF_ONE_PERSON * largest
        )
        self._usual_ones = UnderWay(
            bytes_max=USUAL_ONES_MAX * self._usual.bytes_max,
            share_bytes=USUAL_ONES_OF_ONE_PERSON * self._usual.bytes_max,
        )
        self._strangers_ones = UnderWay(
            bytes_max=STRANGERS_ONES_MAX * self._usual.bytes_max,
            share_bytes=STRANGERS_ONES_OF_ONE_ADDRESS * self._usual.bytes_max,
        )

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        length = _length_of(environ)
        if length == 0:
            return self._app(environ, start_response)
        if length is None:
            return refuse(environ, start_response, 400, "The length of the body makes no sense.")
        limits = self._limits(environ)
        if length > limits.bytes_max:
            return refuse(environ, start_response, 413, "That is too big to send.")
        if "HTTP_UPGRADE" in environ:  # RFC 6455, 4.1. Its place would be kept while the WebSocket is open.
            return refuse(environ, start_response, 400, "A request to upgrade has no body.")
        with ExitStack() as left:
            refusal = self._reserve(length, environ, left) or self._take_in(length, environ, limits, left)
            if refusal == UNREAD:
                environ["CONTENT_LENGTH"], environ["wsgi.input"] = "0", BytesIO()
            elif refusal is not None:
                return refuse(environ, start_response, *refusal)
            response = self._app(environ, start_response)
            return ClosingIterator(response, [left.pop_all().close])

    def _reserve(self, length: int, environ: "WSGIEnvironment", left: ExitStack) -> Refusal | None:
        """Count the bytes until `left` is closed. Return why they may not come now, or None."""
        if length <= MEMORY_BYTES:  # So that whatever somebody else sends, one can sign in and talk.
            return None
        sender: object
        # A small one is refused in better words further in.
        if length > self._usual.bytes_max:
            under_way = large_ones = self._large_ones
            if refusal := self._refusal_of_files(environ, lambda: COPIES * (large_ones.total + length)):
                return refusal
            sender = environ.get(SENDER)
        elif (sender := self._known_sender(environ)) is not None:
            under_way = self._usual_ones
        else:
            under_way, sender = self._strangers_ones, address_key(environ.get("REMOTE_ADDR", ""))
        place = under_way.reserve(sender, length)
        if place is Place.FREE:
            left.callback(under_way.give_back, sender, length)
            return None
        if place is Place.TOO_MANY_OF_THEIRS:
            return 429, "You are sending a lot at once. Please try again when some of it has arrived."
        return 503, "A lot is being sent to this house right now. Please try again in a moment."

    def _known_sender(self, environ: "WSGIEnvironment") -> int | None:
        try:
            return self._sender_of(environ)
        except Exception:
            log.exception("it could not be checked who sends a body")
            return None

    def _take_in(
        self, length: int, environ: "WSGIEnvironment", limits: Limits, left: ExitStack
    ) -> Refusal | None:
        """Read the body, to be had until `left` is closed. Return what is wrong with it, or None."""
        body = left.enter_context(self._place_for(length, environ, limits))
        try:
            separators = _copy(_reader_of(environ), body, length, until=time.monotonic() + limits.seconds)
        except TimeoutError:
            return 408, "That took too long to send."
        except (EOFError, ConnectionError):
            return 400, "The body ends too early."
        if separators >= FIELDS_MAX and environ.get("CONTENT_TYPE", "").lower().startswith(FORM):
            return 400, "That form has too many fields."
        body.seek(0)
        environ["wsgi.input"] = body
        return None

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
