"""People with real connections to a real server: pages by HTTP, events by python-socketio over WebSocket."""

from __future__ import annotations

import html
import logging
import re
import threading
import time
from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any

import requests
import socketio

from tests.house import PASSWORD

WAIT_SECONDS = 10
LOG = logging.getLogger("tests.talkers")


class Talker:
    """One person on one device. `events` is everything the server has told them, in order."""

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.name = name
        self.cookies: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.ended = threading.Event()
        self._heard = threading.Condition()
        self.socket = self._new_socket(url)

    # pages

    def request(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        """One request with our own cookie jar: http.cookiejar never sends `Secure` cookies to http://localhost."""
        headers = {**kwargs.pop("headers", {}), "Cookie": self.cookie_header()}
        reply = requests.request(
            method, self.url + path, headers=headers, allow_redirects=False, timeout=30, **kwargs
        )
        for header in reply.raw.headers.getlist("Set-Cookie"):
            for name, morsel in SimpleCookie(header).items():
                self.cookies[name] = morsel.value
        return reply

    def get(self, path: str, **kwargs: Any) -> requests.Response:
        return self.request("GET", path, **kwargs)

    def post(
        self, path: str, data: dict[str, Any] | None = None, *, form_on: str = "", json: bool = False
    ) -> requests.Response:
        """Submit a form: its token is read from the page `form_on`; or is that of another form, which is the same."""
        token = self._form_token(form_on) if form_on else self._any_token()
        headers = {"Accept": "application/json"} if json else {}
        return self.request("POST", path, data={"csrf_token": token, **(data or {})}, headers=headers)

    def _any_token(self) -> str:
        cookie = next((value for name, value in self.cookies.items() if name.endswith("-form")), "")
        if not cookie or cookie not in self._tokens:
            token = self._form_token("/me")
            cookie = next((value for name, value in self.cookies.items() if name.endswith("-form")), "")
            self._tokens = {cookie: token}
        return self._tokens[cookie]

    def _form_token(self, page: str) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page).text)
        assert found, f"no form on {page}"
        return html.unescape(found[1])

    def sign_in(self, password: str = PASSWORD) -> Talker:
        reply = self.post("/sign-in", {"username": self.name, "password": password}, form_on="/sign-in")
        assert reply.status_code == 302, reply.text
        return self

    def cookie_header(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items() if value)

    def proof(self) -> dict[str, str]:
        """Return the headers by which a handshake says who it is."""
        return {"Cookie": self.cookie_header()}

    # events

    def connect(self, *, origin: str | None = "", wait: bool = True) -> Talker:
        """Open the live connection. origin: the page's own unless given; None sends none."""
        self.close()
        self.ended.clear()
        self.socket = self._new_socket(self.url if origin == "" else origin)
        self.socket.connect(
            self.url,
            headers=self.proof(),
            transports=["websocket"],
            wait_timeout=WAIT_SECONDS,
        )
        if wait:
            self.hear("server:hello")
        return self

    def send(self, event: str, data: Any = None) -> dict[str, Any]:
        """Send one event and return its ack."""
        ack: dict[str, Any] = self.socket.call(event, data, timeout=WAIT_SECONDS)
        return ack

    def say(self, room_id: int, body: str, client_id: str) -> dict[str, Any]:
        return self.send("message:send", {"room_id": room_id, "body": body, "client_id": client_id})

    def heard(self, event: str) -> list[dict[str, Any]]:
        with self._heard:
            return [data for name, data in self.events if name == event]

    def hear(
        self,
        event: str,
        matches: Callable[[dict[str, Any]], bool] = lambda data: True,
        *,
        within: float = WAIT_SECONDS,
    ) -> dict[str, Any]:
        """Return the first such event, waiting for it."""
        deadline = time.monotonic() + within
        with self._heard:
            while True:
                for name, data in self.events:
                    if name == event and matches(data):
                        return data
                left = deadline - time.monotonic()
                assert left > 0, f"{self.name} never heard {event}; heard {[name for name, _ in self.events]}"
                self._heard.wait(left)

    def hear_many(self, event: str, number: int) -> list[dict[str, Any]]:
        """Return all such events, waiting until there are `number` of them."""
        with self._heard:
            self._heard.wait_for(lambda: len(self.heard(event)) >= number, WAIT_SECONDS)
        return self.heard(event)

    def forget(self) -> None:
        """Start listening afresh."""
        with self._heard:
            self.events.clear()

    def close(self) -> None:
        if self.socket.connected:
            self.socket.disconnect()
        if self.socket.eio.ws is not None:  # It stays open when the server was the one to end the connection.
            self.socket.eio.ws.shutdown()

    def _new_socket(self, origin: str | None) -> socketio.Client:
        options = {"origin": origin} if origin is not None else {"suppress_origin": True}
        client = socketio.Client(
            reconnection=False,
            handle_sigint=False,
            websocket_extra_options=options,
            # Without loggers it writes to the stderr of the test that made it, and so after that is closed.
            logger=LOG,
            engineio_logger=LOG,
        )
        client.on("*", self._on_event)
        client.on("disconnect", lambda *_: self.ended.set())
        return client

    def _on_event(self, name: str, *args: Any) -> None:
        with self._heard:
            self.events.append((name, args[0] if args else {}))
            self._heard.notify_all()


class Script(Talker):
    """A program with a live connection: no cookies, no origin, a token in its handshake."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url, "a script")
        self.token = token

    def proof(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def connect(self, *, origin: str | None = None, wait: bool = True) -> Script:
        super().connect(origin=origin, wait=wait)
        return self
