"""An XMPP client that sits in one room (XEP-0045), made of bare stanzas."""

from __future__ import annotations

import socket
import time

from benchmarks.crowd import PATIENCE_SECONDS, READ_BYTES

HOST, ROOMS = "localhost", "rooms.localhost"
STREAM = (
    f"<?xml version='1.0'?><stream:stream to='{HOST}' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>"
)
AUTH = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>"
BIND = "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
IS_IN = b"<status code='110'/>"  # "This is your own presence": the last of what is said of who is there.
END = b"</message>"


class XmppClient:
    """One stream, signed in as nobody in particular, in one room under one name."""

    def __init__(self, port: int, *, room: str, name: str) -> None:
        self.room = room
        self._from_me = f"from='{room}@{ROOMS}/{name}'".encode()
        began = time.perf_counter()
        self.wire = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
        self.wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._ask(STREAM, b"</stream:features>")
            self._ask(AUTH, b"<success")
            self._ask(STREAM, b"</stream:features>")
            self._ask(BIND, b"</iq>")
            self._left = self._ask(_enter(room, name), IS_IN)
        except BaseException:
            self.wire.close()
            raise
        self.connected_in = time.perf_counter() - began
        self.wire.setblocking(False)

    def say(self, packet: bytes) -> None:
        self.wire.sendall(packet)

    def packets(self) -> list[bytes]:
        """Return the messages that have come. No stanza of these stands inside another, so the end is enough."""
        try:
            piece = self.wire.recv(READ_BYTES)
        except BlockingIOError:
            return []
        if not piece:
            raise EOFError
        *packets, self._left = (self._left + piece).split(END)
        return packets

    def is_mine(self, packet: bytes) -> bool:
        """Return whether a message is the reflection of one of our own."""
        return self._from_me in packet

    def close(self) -> None:
        self.wire.close()

    def _ask(self, words: str, answer: bytes) -> bytes:
        """Say something and return what comes back, up to where `answer` is in it."""
        self.wire.sendall(words.encode())
        heard = b""
        while answer not in heard:
            piece = self.wire.recv(READ_BYTES)
            assert piece, heard
            heard += piece
            assert b"type='error'" not in heard, heard
            assert b"<failure" not in heard, heard
        return heard.partition(answer)[2]


def message(room: str, body: str, message_id: str) -> bytes:
    """Return a message to a room. body: without `<` and `&`."""
    return (
        f"<message to='{room}@{ROOMS}' type='groupchat' id='{message_id}'><body>{body}</body></message>"
    ).encode()


def is_news(packet: bytes) -> bool:
    """Return whether a stanza tells of a new message. Raises AssertionError if it refuses one of ours."""
    assert b"type='error'" not in packet, packet
    return b"<body>" in packet


def _enter(room: str, name: str) -> str:
    return (
        f"<presence to='{room}@{ROOMS}/{name}'><x xmlns='http://jabber.org/protocol/muc'>"
        "<history maxstanzas='0'/></x></presence>"
    )
