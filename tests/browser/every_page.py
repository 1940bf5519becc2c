"""Every page by day and by night: for every eye, every finger and every keyboard.

Phones and wide screens have a module each, which takes all of this: they are run side by side.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.pages import VISITS, Places, open_places
from tests.browser.windows import SIZES, Windows
from tests.house import copy_house

NARROW = {"width": 320, "height": 640}
ZOOMED = {"width": 195, "height": 422}  # 390 by 844 at 200 %
TABS = 25
OpenPages = dict[tuple[str, str | None, Windows], Page]


@pytest.fixture(scope="module")
def places(
    chromium: Browser, cast_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Places]:
    folder = tmp_path_factory.mktemp("places")
    lived_in = copy_house(cast_folder, folder / "lived-in")
    with open_places(chromium, lived_in, folder / "new", datetime.now(UTC)) as places:
        yield places


@pytest.fixture(scope="module")
def open_pages() -> OpenPages:
    """One window for each person and size: what has been loaded once need not be again."""
    return {}


def on(size: str, metafunc: pytest.Metafunc) -> None:
    """Have a test that looks at a page look at every one, in a window of `size`."""
    if "loaded" in metafunc.fixturenames:
        pages = [f"{name} {size}" for name in VISITS]
        metafunc.parametrize("loaded", pages, indirect=True, scope="module")


@pytest.fixture(scope="module")
def loaded(
    request: pytest.FixtureRequest, places: Places, open_pages: OpenPages
) -> tuple[Page, str, list[str]]:
    """A page, loaded once for all tests that look at it, its size, and what it said on the console."""
    name, size = request.param.split()
    visit = VISITS[name]
    windows = places.new_house if visit.is_new_house else places.windows
    key = (size, visit.who, windows)
    path = visit.path(places)
    if key not in open_pages or visit.signs_out_others:
        open_pages[key] = windows(visit.who, size=size)
    page = open_pages[key]
    as_it_was(page, size)
    console = windows.watches[page.context].console
    console.clear()
    page.goto(path)
    visit.then(page)
    return page, size, [] if visit.is_refused else [*console]


@pytest.fixture
def page(loaded: tuple[Page, str, list[str]]) -> Page:
    """The page, whatever the test before has done to its window."""
    page, size, _console = loaded
    as_it_was(page, size)
    return page


def as_it_was(page: Page, size: str) -> None:
    page.set_viewport_size(SIZES[size]["viewport"])
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    page.evaluate("document.documentElement.dir = 'ltr'")


# Every page


def test_it_loads_without_a_word_on_the_console(loaded: tuple[Page, str, list[str]], places: Places) -> None:
    assert loaded[2] == []
    assert places.windows.troubles() == places.new_house.troubles() == []


def test_axe_finds_nothing(page: Page) -> None:
    assert found_by_axe(page) == []
    # Without motion, or it would measure a colour on its way from light to dark.
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert found_by_axe(page, rules=["color-contrast", "link-in-text-block"]) == []


def test_nothing_reaches_out_to_the_side(page: Page, loaded: tuple[Page, str, list[str]]) -> None:
    phones = (SIZES["phone"]["viewport"], NARROW, ZOOMED)
    for viewport in phones if loaded[1] == "phone" else (SIZES["wide"]["viewport"],):
        page.set_viewport_size(viewport)
        for direction in ("ltr", "rtl"):
            page.evaluate("direction => { document.documentElement.dir = direction; }", direction)
            assert page.evaluate(REACHES_OUT) == [], f"{viewport['width']} px, {direction}"


def test_the_page_ends_where_what_is_on_it_ends(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollHeight") <= page.evaluate(END) + 1


def test_every_control_is_large_enough_for_a_finger(page: Page) -> None:
    assert page.evaluate(TOO_SMALL) == []


def test_password_managers_find_what_they_look_for(page: Page) -> None:
    assert page.evaluate(HARD_FOR_PASSWORD_MANAGERS) == []


def test_the_keyboard_reaches_everything_and_shows_where_it_is(page: Page) -> None:
    page.locator("#main").focus()
    page.evaluate("window.stops = []")
    for _ in range(TABS):
        page.keyboard.press("Tab")
        if not page.evaluate(NOTE_FOCUS):
            break
    assert page.evaluate(UNSEEN_STOPS) == []
    assert page.evaluate("window.stops.length") > 0


def test_it_has_one_heading_one_main_part_a_title_and_a_language(page: Page) -> None:
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.get_by_role("main").count() == 1
    assert page.locator("html[lang='en'][dir='ltr']").count() == 1
    assert re.fullmatch(r"(\(\d+\) )?\S.* · HomeChat", page.title())


def test_nothing_moves_for_those_who_want_no_motion(page: Page) -> None:
    assert page.evaluate(MOVING) != [] or "doorstep" in page.content(), "there is motion to be switched off"
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(MOVING) == []


def found_by_axe(page: Page, rules: list[str] | None = None) -> list[str]:
    """Return what axe-core finds wrong, of any weight."""
    options = {"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
    violations = Axe().run(page, options=options).response["violations"]
    return [
        f"{it['impact']} {it['id']}: {node['html'][:200]} {node['failureSummary']}"
        for it in violations
        for node in it["nodes"]
    ]


# What reaches out of the window, or has to be scrolled sideways to be seen.
REACHES_OUT = """
() => [...document.querySelectorAll("html, body *")]
  .filter((it) => it.checkVisibility() && !it.closest(".visually-hidden, svg, .skip-link, template"))
  .filter((it) => {
    const { overflowX } = getComputedStyle(it);
    if (it === document.documentElement) return it.scrollWidth > innerWidth;
    if (["auto", "scroll"].includes(overflowX) && it.scrollWidth > it.clientWidth + 1) return true;
    // What is too long for its line ends in an ellipsis.
    for (let each = it.parentElement; each; each = each.parentElement) {
      if (getComputedStyle(each).textOverflow === "ellipsis") return false;
    }
    const { left, right } = it.getBoundingClientRect();
    return left < -1 || right > innerWidth + 1;
  })
  .map((it) => `${it.tagName} ${it.className} ${it.textContent.trim().slice(0, 40)}`)
"""

# Words for screen readers alone must not make a page longer than what is to be seen.
END = "document.querySelector('.shell, .doorstep').getBoundingClientRect().bottom + scrollY"

# Controls of less than 44 by 44 pixels. Links within a line of words are as high as the words (WCAG 2.5.8).
TOO_SMALL = """
() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary")]
  .filter((it) => it.checkVisibility({ visibilityProperty: true }) && !it.closest(".visually-hidden, .skip-link"))
  .filter((it) => !(it.matches("a") && getComputedStyle(it).display === "inline"))
  .map((it) => [...(it.labels ?? [])].find((label) => label.contains(it) || it.type === "file") ?? it)
  .filter((it) => {
    const { width, height } = it.getBoundingClientRect();
    return width < 44 || height < 44;
  })
  .map((it) => `${it.outerHTML.slice(0, 120)} ${it.offsetWidth}x${it.offsetHeight}`)
"""

# Forms with a password that a password manager would not understand, or that would cut off what it fills in.
HARD_FOR_PASSWORD_MANAGERS = """
() => [...document.querySelectorAll("input[type=password], input[autocomplete*=password], input[inputmode=numeric]")]
  .filter((it) => {
    const isCode = it.autocomplete === "one-time-code";
    const [name, ...more] = [...it.form.elements].filter((each) => each.autocomplete?.split(" ")[0] === "username");
    const isNamed = name && !more.length && name.compareDocumentPosition(it) === Node.DOCUMENT_POSITION_FOLLOWING;
    if (isCode) return it.type === "password";
    if (it.type !== "password") return it.autocomplete.includes("password");
    const isKnown = ["current-password", "new-password"].includes(it.autocomplete);
    return !isKnown || !isNamed || it.maxLength !== -1 || !it.closest("password-field");
  })
  .map((it) => it.outerHTML)
"""

LOOKS = """
  const looks = (it) => [it, it.parentElement, it.parentElement?.parentElement].map((each) => {
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(each);
    return [outlineStyle, outlineStyle === "none" ? "" : outlineWidth, boxShadow].join();
  }).join();
"""

# Notes what has the focus and how it looks; says whether there is anything.
NOTE_FOCUS = f"""
() => {{
  {LOOKS}
  const it = document.activeElement;
  if (!it || it === document.body || window.stops.some((stop) => stop.it === it)) return false;
  const {{ top, bottom, left, right }} = it.getBoundingClientRect();
  const inView = bottom > 0 && top < innerHeight && right > 0 && left < innerWidth;
  window.stops.push({{ it, inView, looks: looks(it) }});
  return true;
}}
"""

# The stops at which nobody could have seen where the focus was.
UNSEEN_STOPS = f"""
() => {{
  {LOOKS}
  document.activeElement.blur();
  const here = window.stops.filter(({{ it }}) => it.isConnected);
  return here.filter(({{ it, inView, looks: before }}) => !inView || looks(it) === before)
    .map(({{ it, inView }}) => `${{it.outerHTML.slice(0, 120)}} ${{inView ? "looks as without" : "out of view"}}`);
}}
"""

MOVING = """
() => [...document.querySelectorAll("*")]
  .filter((it) => {
    const { transitionDuration, animationDuration, animationName } = getComputedStyle(it);
    const longest = (text) => Math.max(...text.split(",").map(parseFloat));
    return longest(transitionDuration) > 0.01 || (animationName !== "none" && longest(animationDuration) > 0.01);
  })
  .map((it) => it.className)
"""
