"""Takes pictures of every page for looking at, and the one picture of the README. Run by bin/screenshots."""

from __future__ import annotations

import base64
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect

from homechat.database import transaction
from homechat.rooms.models import Membership
from tests.browser.chromium import open_chromium
from tests.browser.conversation import TEXT, go_live, message, pill, say
from tests.browser.pages import VISITS, Places, Visit, open_message_menu, open_places
from tests.browser.windows import SIZES, Windows
from tests.devices import devices
from tests.house import House, build_cast
from tests.server_process import ROOT
from tests.talkers import Talker

PICTURES = ROOT / "screenshots"
README_PICTURE = ROOT / "docs" / "screenshot.png"
README_PICTURE_BYTES = 300_000
TELLING = {
    "messages.index",
    "messages.conversation",
}  # Pages with a story; the others tell of this very hour.


def main() -> None:
    """Take all pictures, or only those whose names begin with one of the arguments."""
    wanted = tuple(sys.argv[1:]) or ("",)
    evening = last_evening()
    PICTURES.mkdir(exist_ok=True)
    with furnished(evening) as (chromium, places, talkers):
        for size in SIZES:
            for scheme in ("light", "dark"):
                take_all(places, talkers, wanted, evening, size=size, scheme=scheme)
        if "readme".startswith(wanted):
            take_readme_picture(chromium, places, talkers, evening)


# The house, and who is in it


def last_evening() -> datetime:
    """Return the latest 18:42 that has been: the day is full then, and pictures are always of the same hour."""
    now = datetime.now(UTC)
    evening = now.replace(hour=18, minute=42, second=0, microsecond=0)
    return evening if evening <= now else evening - timedelta(days=1)


@contextmanager
def furnished(evening: datetime) -> Iterator[tuple[Browser, Places, dict[str, Talker]]]:
    """A house that is lived in, with some of its people connected, beside a new one."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="homechat-pictures-")))
        build_cast(folder / "house")
        chromium = stack.enter_context(open_chromium())
        places = stack.enter_context(open_places(chromium, folder / "house", folder / "new", evening))
        device = stack.enter_context(devices(places.windows.server.url, places.house))
        talkers = {name: device(name).connect() for name in ("ben", "mina", "cleo")}
        yield chromium, places, talkers


# Pictures of everything


def take_all(
    places: Places,
    talkers: dict[str, Talker],
    wanted: tuple[str, ...],
    evening: datetime,
    *,
    size: str,
    scheme: str,
) -> None:
    """Take one picture of each page, and one more of its end where it is longer than the window."""
    pages: dict[tuple[Windows, str | None], Page] = {}
    for name, visit in {**VISITS, **more_visits(talkers["ben"], places)}.items():
        if not name.startswith(wanted):
            continue
        nobody_has_read(places.house, places.rooms.home, messages=3)
        windows = places.new_house if visit.is_new_house else places.windows
        key = (windows, visit.who)
        if key not in pages:
            pages[key] = window(windows, visit.who, evening, size=size, scheme=scheme)
        page = pages[key]
        page.clock.set_fixed_time(evening if visit.endpoint in TELLING else datetime.now(UTC))
        page.goto(visit.path(places))
        visit.then(page)
        page.wait_for_timeout(500)
        file = PICTURES / f"{name}-{size}-{scheme}.png"
        page.screenshot(path=file)
        if page.evaluate(SCROLL_TO_THE_END):
            page.screenshot(path=file.with_stem(f"{file.stem}-end"))
    for page in pages.values():
        page.context.close()


def window(
    windows: Windows, who: str | None, evening: datetime, *, size: str, scheme: str, **options: int
) -> Page:
    page = windows(who, size=size, scheme=scheme, timezone_id="UTC", **options)
    page.clock.set_fixed_time(evening)
    return page


def more_visits(ben: Talker, places: Places) -> dict[str, Visit]:
    """What is worth a picture besides every page as it opens."""
    rooms = places.rooms
    somebody_types = somebody_typing(ben, rooms.kitchen)
    return {
        "kitchen": room(rooms.kitchen, then=somebody_types),
        "kitchen-writing": room(rooms.kitchen, then=write_a_lot),
        "kitchen-replying": room(rooms.kitchen, then=begin_an_answer),
        "kitchen-editing": room(rooms.kitchen, then=begin_an_edit),
        "kitchen-deleting": room(rooms.kitchen, then=ask_to_delete),
        "kitchen-any-emoji": room(rooms.kitchen, then=look_for_an_emoji),
        "door": room(rooms.door),
        "door-earlier": room(rooms.door, then=scroll_up),
        "door-sure": room(rooms.door, then=ask_first),
        "journey": room(rooms.journey),
        "private": room(rooms.surprise),
        "group": room(rooms.group),
        "up": room(rooms.home, then=scroll_up),
        "offline": room(rooms.group, then=lose_the_network),  # The last: the window stays offline.
    }


def room(room_id: int, *, then: Callable[[Page], object] = lambda page: None) -> Visit:
    return Visit("messages.conversation", lambda places: f"/rooms/{room_id}", then=then)


def somebody_typing(talker: Talker, room_id: int) -> Callable[[Page], None]:
    def then(page: Page) -> None:
        go_live(page, page.url)
        talker.send("typing:start", {"room_id": room_id})
        expect(page.locator("typing-line")).not_to_be_empty()

    return then


def write_a_lot(page: Page) -> None:
    page.fill(
        TEXT, "Shopping for tomorrow:\n\n- bread\n- two kinds of cheese\n- the good butter\n- **no** olives"
    )


def begin_an_answer(page: Page) -> None:
    open_message_menu(page)
    page.get_by_role("button", name="Reply", exact=True).click()
    page.fill(TEXT, "Get two, the big ones.")


def begin_an_edit(page: Page) -> None:
    go_live(page, page.url)
    open_message_menu(page)
    page.get_by_role("button", name="Edit").click()
    expect(page.locator(".composer__strip")).to_be_visible()


def ask_to_delete(page: Page) -> None:
    open_message_menu(page)
    page.get_by_role("button", name="Delete").click()


def ask_first(page: Page) -> None:
    page.get_by_role("button", name="Send away").last.click()


def look_for_an_emoji(page: Page) -> None:
    open_message_menu(page)
    page.get_by_role("button", name="Another emoji").click()


def lose_the_network(page: Page) -> None:
    go_live(page, page.url)
    page.context.set_offline(True)
    say(page, "I am in the cellar and have no network at all.")
    say(page, "But I have found the sledge!")
    expect(pill(page)).to_be_visible()


def scroll_up(page: Page) -> None:
    expect(page.locator("message-list.is-ready")).to_be_attached()
    page.locator(".message-list__scroller").evaluate("it => { it.scrollTop -= 900; }")


def nobody_has_read(house: House, room_id: int, *, messages: int) -> None:
    """Make the last messages of a room new again: the window before has read them."""
    with house.rows(), transaction() as session:
        session.execute(
            sa.update(Membership)
            .where(Membership.room_id == room_id)
            .values(last_read_seq=Membership.joined_seq)
        )
        last = session.scalar(sa.text("SELECT last_seq FROM rooms WHERE id = :id"), {"id": room_id})
        session.execute(
            sa.update(Membership).where(Membership.room_id == room_id).values(last_read_seq=last - messages)
        )


# Scrolls what is longer than the window to its end; says whether there was such a thing.
SCROLL_TO_THE_END = """
() => {
  const long = [document.scrollingElement, ...document.querySelectorAll(".shell__page")]
    .find((it) => it.scrollHeight > it.clientHeight + 20 && it.checkVisibility());
  if (!long) return false;
  long.scrollTop = long.scrollHeight;
  return true;
}
"""


# The picture of the README


def take_readme_picture(
    chromium: Browser, places: Places, talkers: dict[str, Talker], evening: datetime
) -> None:
    """Compose a conversation on a wide screen by day with the same one on a phone by night."""
    kitchen = places.rooms.kitchen
    wide = window(places.windows, "ada", evening, size="wide", scheme="light", device_scale_factor=2)
    wide.set_viewport_size({"width": 1120, "height": 740})
    phone = window(places.windows, "cleo", evening, size="phone", scheme="dark", device_scale_factor=2)
    for page in (wide, phone):
        go_live(page, f"/rooms/{kitchen}")
        expect(message(page, "🙈")).to_be_visible()
    talkers["mina"].send("typing:start", {"room_id": kitchen})
    for page in (wide, phone):
        expect(page.locator("typing-line")).not_to_be_empty()
    pictures = [as_url(page.screenshot()) for page in (wide, phone)]

    table = chromium.new_page(viewport={"width": 1280, "height": 680})
    table.set_content(COMPOSITION.format(*pictures))
    table.wait_for_function("[...document.images].every((image) => image.complete)")
    table.screenshot(path=README_PICTURE, omit_background=True)
    size = README_PICTURE.stat().st_size
    assert size < README_PICTURE_BYTES, f"{README_PICTURE} has {size} bytes"


def as_url(picture: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(picture).decode()


COMPOSITION = """
<style>
  body {{ margin: 0; background: transparent; }}
  img {{ position: absolute; box-shadow: 0 1px 3px #0003, 0 16px 40px #2c243033; }}
  img:first-child {{ inset: 20px auto auto 20px; width: 920px; border-radius: 14px; }}
  img:last-child {{ inset: auto 20px 20px auto; width: 286px; border-radius: 32px; border: 8px solid #16120f; }}
</style>
<img src="{}"><img src="{}">
"""


if __name__ == "__main__":
    main()
