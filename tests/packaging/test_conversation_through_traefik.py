"""Ada at her desk and Ben on his phone talk over https through a real Traefik, each in a browser of their own."""

import re

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser.chromium import PROGRAM
from tests.conftest import GENEROUS_LIMITS
from tests.house import PASSWORD, copy_house
from tests.packaging import traefik
from tests.packaging.traefik import DOMAIN
from tests.server_process import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
WAIT_MILLISECONDS = 20_000
CHROMIUM = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    f"--host-resolver-rules=MAP {DOMAIN} 127.0.0.1",
]


@pytest.fixture
def house(cast_folder, tmp_path):
    """Traefik and the server behind it; the server learns its public address and believes one proxy."""
    server = ServerProcess(copy_house(cast_folder, tmp_path / "served" / "data"), GENEROUS_LIMITS)
    folder = tmp_path / "traefik"
    folder.mkdir()
    with traefik.serve(folder, backend=f"http://127.0.0.1:{server.port}") as proxy:
        server.env["HOMECHAT_PUBLIC_URL"] = f"https://{DOMAIN}:{proxy.https_port}"
        server.env["HOMECHAT_TRUSTED_PROXY_COUNT"] = "1"
        with server:
            yield server


@pytest.fixture
def enter(house):
    """Return a function that opens a browser and signs in; gives the page, on the home room."""
    if PROGRAM is None:
        pytest.skip("needs chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=PROGRAM, args=CHROMIUM)

        def enter(name, viewport):
            # The certificate is self-made; that an unknown one is refused is the business of browsers.
            context = chromium.new_context(viewport=viewport, ignore_https_errors=True)
            context.set_default_timeout(WAIT_MILLISECONDS)
            page = context.new_page()
            page.goto(f"{house.env['HOMECHAT_PUBLIC_URL']}/sign-in")
            page.fill("input[name=username]", name)
            page.fill("input[name=password]", PASSWORD)
            page.press("input[name=password]", "Enter")
            page.click(".room-item[data-kind=public] a")
            page.wait_for_url(re.compile(r"/rooms/\d+$"))
            return page

        yield enter
        chromium.close()


def say(page, text):
    page.fill("message-composer textarea[name=body]", text)
    page.press("message-composer textarea[name=body]", "Control+Enter")
    expect_to_read(page, text)


def expect_to_read(page, text):
    expect(page.locator(".message__body", has_text=text)).to_have_count(1, timeout=WAIT_MILLISECONDS)


def test_two_people_talk_through_traefik(house, enter):
    ada, ben = enter("ada", DESK), enter("ben", PHONE)
    sockets = []
    ben.on("websocket", lambda socket: sockets.append(socket.url))
    ben.reload()
    expect(ben.locator("connection-pill")).to_be_hidden(timeout=WAIT_MILLISECONDS)

    say(ada, "Dinner is ready, Ben.")
    expect_to_read(ben, "Dinner is ready, Ben.")
    say(ben, "Five minutes, Ada.")
    expect_to_read(ada, "Five minutes, Ada.")

    assert [url for url in sockets if url.startswith(f"wss://{DOMAIN}:")], (
        "it was not live: no WebSocket was opened"
    )
    cookies = {cookie["name"]: cookie for cookie in ada.context.cookies()}
    assert cookies["__Host-homechat"]["secure"]
    house.assert_no_traceback()
