"""Browser windows of people: each on a device of its own, signed in, and watched for what no page may ever do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, WebError

from homechat.accounts import sessions
from tests import secrets_used
from tests.conftest import close
from tests.house import House
from tests.server_process import ServerProcess

WAIT_MILLISECONDS = 15_000
SIZES: dict[str, dict[str, Any]] = {
    "wide": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
OWN_SCHEMES = {"data", "blob", "about", "chrome-error"}
# What Chromium says by itself when the network fails, or a page answers with an error as it should.
NETWORK_TROUBLE = ("Failed to load resource", "WebSocket connection to")
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sourceFile, lineNumber }) => {
  console.error("Content Security Policy violated:", violatedDirective, blockedURI, sourceFile, lineNumber);
});
"""


class Watch:
    """Notes what the pages of one browser context do wrong.

    `console`: every error and warning on the console.  `troubles`: what must never happen, whatever the network
    does: violations of the content security policy, uncaught errors, requests to other hosts.
    """

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.console: list[str] = []
        self.troubles: list[str] = []
        self._host = urlsplit(url).netloc
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        self.console.append(message.text)
        if not message.text.startswith(NETWORK_TROUBLE):
            self.troubles.append(f"{message.type} on the console: {message.text}")

    def _error(self, error: WebError) -> None:
        self.troubles.append(f"uncaught: {error.error}")

    def _request(self, request: Request) -> None:
        secrets_used.remember(*secrets_used.secrets_sent(request.post_data or ""))
        address = urlsplit(request.url)
        if address.netloc != self._host and address.scheme not in OWN_SCHEMES:
            self.troubles.append(f"request to another host: {request.url}")


class Windows:
    """Opens windows on one server. `house` is the house behind it, as another process sees it.

    keeps_devices: whoever comes again in the same way gets a new window on the device they had. What was loaded there
    is loaded already, which halves the time of a short test.
    """

    def __init__(self, browser: Browser, server: ServerProcess, *, keeps_devices: bool = False) -> None:
        self.server = server
        self.house = House(server.data_dir)
        self.watches: dict[BrowserContext, Watch] = {}
        self._browser = browser
        self._devices: dict[Any, BrowserContext] | None = {} if keeps_devices else None

    def __call__(self, name: str | None, **way: Any) -> Page:
        """Return an empty window on a device of `name`, who is signed in there; None is a stranger.

        way: as for `_new_device`.
        """
        if self._devices is None:
            return self._new_device(name, **way).new_page()
        key = (name, *sorted(way.items()))
        if key not in self._devices:
            self._devices[key] = self._new_device(name, **way)
        return self._devices[key].new_page()

    def troubles(self) -> list[str]:
        """Return what went wrong in any of the windows."""
        return [trouble for watch in self.watches.values() for trouble in watch.troubles]

    def close_pages(self) -> None:
        """Close all windows, and keep the devices."""
        for context in self.watches:
            for page in context.pages:
                page.close()
            context.set_offline(False)

    def close(self) -> None:
        """Close everything."""
        for context in self.watches:
            context.close()
        close(self.house)

    def _new_device(
        self,
        name: str | None,
        *,
        size: str = "wide",
        scheme: str = "light",
        javascript: bool = True,
        **options: Any,
    ) -> BrowserContext:
        context = self._browser.new_context(
            base_url=self.server.url,
            color_scheme=scheme,
            java_script_enabled=javascript,
            **SIZES[size],
            **options,
        )
        context.set_default_timeout(WAIT_MILLISECONDS)
        self.watches[context] = Watch(context, self.server.url)
        if name is not None:
            self._sign_in(context, name)
        return context

    def _sign_in(self, context: BrowserContext, name: str) -> None:
        """Put a new session's secret where signing in would have put it; that saves a second for each window."""
        secret = self.house.act(sessions.open_session, self.house.actor(name), self.house.person(name))
        cookie = {
            "name": self.house.settings.session_cookie_name,
            "value": secret,
            "url": self.server.url.replace("http://", "https://"),  # For `Secure`; localhost counts as such.
            "secure": True,
            "httpOnly": True,
            "sameSite": "Lax",
        }
        context.add_cookies([cookie])  # type: ignore[list-item]


@contextmanager
def windows_of(browser: Browser, server: ServerProcess, **options: bool) -> Iterator[Windows]:
    """Give a function that opens windows on `server`; at the end they are closed, and nothing may have gone wrong."""
    windows = Windows(browser, server, **options)
    try:
        yield windows
    finally:
        windows.close()
    assert not windows.troubles()
    server.assert_no_traceback()
