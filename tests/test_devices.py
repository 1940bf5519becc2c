"""Devices: knowing them again, naming them, signing them out, and hearing of new ones."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from homechat.accounts.models import Device, LoginSession
from tests.api_client import Program
from tests.house import PASSWORD, Browser, House
from tests.server_process import ServerProcess
from tests.talkers import Talker
from tests.test_accounts import FIREFOX, IPHONE, cookie_of, is_signed_in

NEWS = 'class="device-news__words"'


def sign_in(browser: Browser, agent: str = FIREFOX, name: str = "ben", **more: Any) -> Any:
    reply = browser.post(
        "/sign-in",
        {"username": name, "password": PASSWORD},
        form_on="/sign-in",
        headers={"User-Agent": agent},
        **more,
    )
    assert reply.status_code == 302, reply.text
    return reply


def devices(house: House, name: str = "ben") -> list[Device]:
    with house.rows() as session:
        return list(
            session.scalars(sa.select(Device).filter_by(user_id=house.id_of(name)).order_by(Device.id))
        )


def live_sessions(house: House, name: str = "ben") -> list[LoginSession]:
    with house.rows() as session:
        live = sa.select(LoginSession).filter_by(user_id=house.id_of(name), revoked_at=None)
        return list(session.scalars(live.order_by(LoginSession.id)))


def titles(browser: Browser) -> list[str]:
    page = browser.get("/me").text
    found = re.findall(r'<p class="line__title" dir="auto">([^<]+)</p>', page)
    return [html.unescape(title) for title in found]


# knowing them again


def test_a_browser_is_one_device_however_often_somebody_signs_in_there(house: House) -> None:
    browser = house.client()
    sign_in(browser)
    browser.post("/sign-out")
    sign_in(browser)
    assert len(devices(house)) == 1
    assert len(live_sessions(house)) == 1


def test_signing_in_over_a_session_ends_the_old_one(house: House) -> None:
    browser = house.client()
    sign_in(browser)
    before = cookie_of(browser)
    browser.client.delete_cookie("__Host-homechat", domain="localhost")
    sign_in(browser)
    assert len(live_sessions(house)) == 1
    browser.client.set_cookie("__Host-homechat", before, secure=True, path="/")
    assert not is_signed_in(browser)


def test_the_familys_tablet_is_a_device_of_each_of_them(house: House) -> None:
    tablet = house.client()
    for name in ("ben", "cleo"):
        sign_in(tablet, name=name)
        tablet.post("/sign-out")
    (of_ben,), (of_cleo,) = devices(house), devices(house, "cleo")
    assert of_ben.browser_digest == of_cleo.browser_digest
    assert of_ben.id != of_cleo.id


def test_the_browsers_cookie_is_hidden_from_scripts_and_outlives_signing_out(house: House) -> None:
    browser = house.client()
    sign_in(browser)
    cookie = browser.client.get_cookie("__Host-homechat-browser", domain="localhost")
    assert cookie.http_only
    assert cookie.secure
    assert cookie.same_site == "Lax"
    browser.post("/sign-out")
    kept = browser.client.get_cookie("__Host-homechat-browser", domain="localhost")
    assert kept.value == cookie.value
    assert cookie.value not in "".join(device.browser_digest for device in devices(house))


def test_a_stranger_who_only_looks_gets_no_cookie_of_this_kind(house: House) -> None:
    browser = house.client()
    browser.get("/sign-in")
    assert browser.client.get_cookie("__Host-homechat-browser", domain="localhost") is None


# naming and signing out


def test_a_device_can_be_called_what_its_owner_calls_it(house: House) -> None:
    laptop, phone = house.client(), house.client()
    sign_in(laptop)
    sign_in(phone, IPHONE)
    session_id = live_sessions(house)[1].id

    laptop.post(f"/me/devices/{session_id}/name", {"device_name": "  Grandma\u2019s   phone "})
    assert sorted(titles(laptop)) == ["Firefox on Linux", "Grandma\u2019s phone"]
    assert "Safari on iPhone" in laptop.get("/me").text
    phone.post("/sign-out")
    sign_in(phone, IPHONE)
    assert "Grandma\u2019s phone" in titles(laptop), "the name stays with the device"

    session_id = live_sessions(house)[1].id
    laptop.post(f"/me/devices/{session_id}/name", {"device_name": ""})
    assert sorted(titles(laptop)) == ["Firefox on Linux", "Safari on iPhone"]


def test_a_name_that_is_too_long_is_refused(house: House) -> None:
    browser = house.client("ben")
    session_id = live_sessions(house)[0].id
    reply = browser.post(f"/me/devices/{session_id}/name", {"device_name": "x" * 41})
    assert reply.status_code == 422
    assert "Keep the name to 40 characters." in reply.text
    assert devices(house)[0].name == ""


@pytest.mark.parametrize("who", ["cleo", "ada"])
def test_somebody_elses_device_can_be_neither_named_nor_accepted(house: House, who: str) -> None:
    house.client("ben")
    house.client("ben")
    session = live_sessions(house)[1]
    browser = house.client(who)
    assert browser.post(f"/me/devices/{session.id}/name", {"device_name": "Mine"}).status_code == 404
    assert browser.post(f"/me/devices/{session.device_id}/accept").status_code == 404
    assert [device.name for device in devices(house)] == ["", ""]


def test_all_other_devices_are_signed_out_at_once(house: House) -> None:
    here, phone, tablet = house.client("ben"), house.client("ben"), house.client("ben")
    cleo = house.client("cleo")

    assert here.post("/me/devices/revoke-others").location == "/me?saved=device"

    assert [is_signed_in(browser) for browser in (here, phone, tablet, cleo)] == [True, False, False, True]


def test_a_revoked_device_is_forgotten_and_new_again_when_it_comes_back(house: House) -> None:
    laptop, phone = house.client(), house.client()
    sign_in(laptop)
    sign_in(phone, IPHONE)
    laptop.post(f"/me/devices/{live_sessions(house)[1].id}/revoke")
    assert len(devices(house)) == 1
    sign_in(phone, IPHONE)
    assert NEWS in html.unescape(laptop.get("/").text)


# news of a new one


def test_the_other_devices_are_asked_about_a_new_one_until_one_of_them_answers(house: House) -> None:
    laptop, phone = house.client(), house.client()
    sign_in(laptop)
    assert NEWS not in html.unescape(laptop.get("/").text), "the first device is no news"

    sign_in(phone, IPHONE)

    page = html.unescape(laptop.get("/").text)
    assert "New sign-in: Safari on iPhone. Was that you?" in page
    assert NEWS in page
    assert NEWS not in html.unescape(phone.get("/").text), "it does not ask itself"
    (accept,) = set(re.findall(r'action="(/me/devices/\d+/accept)"', page))
    assert phone.post(accept).status_code == 404, "nor can it answer for itself"
    assert NEWS in html.unescape(laptop.get("/").text)
    assert laptop.post(accept).status_code == 302
    assert NEWS not in html.unescape(laptop.get("/").text)


def test_two_new_ones_cannot_speak_for_each_other_nor_one_for_itself_in_disguise(house: House) -> None:
    laptop, thief, again = house.client(), house.client(), house.client()
    for browser in (laptop, thief, again):
        sign_in(browser)
    (_first, second, third) = devices(house)

    assert again.post(f"/me/devices/{second.id}/accept").status_code == 404
    assert NEWS not in html.unescape(again.get("/").text), "nor is it asked"
    assert "It's mine" not in html.unescape(again.get("/me").text)
    for browser, device in ((thief, second), (again, third)):
        name = f"{house.settings.session_cookie_name}-browser"
        browser.client.set_cookie(name, "another", secure=True, path="/")
        assert browser.post(f"/me/devices/{device.id}/accept").status_code == 404

    assert NEWS in html.unescape(laptop.get("/").text)
    assert [device.accepted_at is None for device in devices(house)] == [False, True, True]


def test_nobody_is_asked_about_a_device_that_is_gone_again(house: House) -> None:
    laptop, phone = house.client(), house.client()
    sign_in(laptop)
    sign_in(phone, IPHONE)
    phone.post("/sign-out")
    assert NEWS not in html.unescape(laptop.get("/").text)


def test_an_app_that_is_new_is_news_until_its_person_answers(house: House) -> None:
    laptop = house.client("ben")
    assert NEWS not in laptop.get("/").text
    app = Program(house)
    app.sign_in("ben", request={"headers": {"User-Agent": "HomeAssistant/2026.11"}})
    page = html.unescape(laptop.get("/").text)
    assert "New sign-in: HomeAssistant/2026.11. Was that you?" in page
    assert NEWS not in house.client("cleo").get("/").text

    newest = devices(house)[-1].id
    assert house.client("cleo").post(f"/me/devices/{newest}/accept").status_code == 404
    assert f"/me/devices/{newest}/accept" in laptop.get("/me").text
    assert laptop.post(f"/me/devices/{newest}/accept").status_code == 302
    assert NEWS not in laptop.get("/").text


def test_an_app_that_was_signed_out_is_no_news_and_an_accepted_one_may_come_again(house: House) -> None:
    laptop, app = house.client("ben"), Program(house)
    app.sign_in("ben")
    app.delete("/signout")
    assert NEWS not in laptop.get("/").text

    app.sign_in("ben")
    app.get("/me")
    assert NEWS in laptop.get("/").text
    laptop.post(f"/me/devices/{devices(house)[-1].id}/accept")

    Program(house).sign_in("ben")
    assert NEWS not in laptop.get("/").text, "the same program at the same place"
    Program(house).sign_in("ben", request={"environ_base": {"REMOTE_ADDR": "203.0.113.9"}})
    assert NEWS in laptop.get("/").text, "the same program somewhere else"


@pytest.mark.sockets
def test_open_windows_hear_of_a_new_app_at_once(
    shared_server: ServerProcess, talker: Callable[..., Talker]
) -> None:
    ben, cleo = talker("ben"), talker("cleo")
    form = {"username": "ben", "password": PASSWORD}

    reply = requests.post(f"{shared_server.url}/api/v1/signin", json=form, timeout=10)

    assert reply.status_code == 200, reply.text
    heard = ben.hear("device:added", lambda event: event["name"].startswith("python-requests"))
    assert heard["address"] == "127.0.0.1"
    assert not [event for event in cleo.heard("device:added") if event["name"].startswith("python-requests")]


@pytest.mark.sockets
def test_open_windows_hear_of_a_new_device_at_once_and_nobody_else_does(
    shared_server: ServerProcess, talker: Callable[..., Talker]
) -> None:
    ben, cleo = talker("ben"), talker("cleo")

    Talker(shared_server.url, "ben").sign_in()

    heard = ben.hear("device:added", lambda event: True)
    assert set(heard) == {"device_id", "name", "address", "at"}
    assert heard["address"] == "127.0.0.1"
    assert cleo.heard("device:added") == []
