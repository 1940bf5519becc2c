"""Help with passwords as people meet it: looking at what one types, how good it is, pasting it, and caps lock."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from homechat.actor import Role
from homechat.household.invitations import invite
from tests.browser.windows import Windows

pytestmark = pytest.mark.browser

FIELD = "password-field[data-new]"
PROMPT = "At least 8 characters. A few words in a row are easy to remember."


def at_the_door(person: Windows, **way: str) -> Page:
    """The page on which somebody who was invited chooses their password."""
    _row, token = person.house.act(invite, person.house.actor("ada"), role=Role.MEMBER)
    page = person(None, **way)
    page.goto(f"/join/{token}")
    expect(page.get_by_role("button", name="Show")).to_be_visible()
    return page


def segments(page: Page) -> str | None:
    return page.locator(f"{FIELD} .strength__bar").get_attribute("data-step")


def test_a_new_password_is_judged_in_colour_and_in_words_while_it_is_typed(person: Windows) -> None:
    nora = at_the_door(person, size="phone")
    password, words = nora.get_by_label("Password"), nora.locator(f"{FIELD} .strength__words")
    nora.get_by_label("Sign-in name").fill("nora_judged")
    expect(nora.get_by_text(PROMPT)).to_be_visible()
    assert segments(nora) == "0"
    before = top_of_button(nora)

    for text, step, said in [
        ("seven", "1", "Not yet. 3 more characters, please."),
        ("abcabcabc", "1", "Not yet. That is a simple pattern. Use a few words in a row."),
        (
            "NoraJudged7",
            "1",
            "Not yet. It is too close to a name that others know. Use a few words in a row.",
        ),
        (
            "Sunshine2026!",
            "1",
            "Not yet. It is one of the first that others would try. Use a few words in a row.",
        ),
        ("four wet otters", "2", "It will do. Add another word."),
        ("seven calm herons", "3", "Good. Add another word."),
        ("seven calm herons stand at the lake", "4", "Strong."),
    ]:
        password.fill(text)
        expect(words).to_have_text(said)
        assert segments(nora) == step, text
        assert top_of_button(nora) == before, "what is below has moved"
    expect(nora.get_by_text(PROMPT)).to_be_hidden()
    grounds = [colour_of(nora, number) for number in range(4)]
    assert len(set(grounds)) == 1
    password.fill("")
    expect(nora.get_by_text(PROMPT)).to_be_visible()
    assert colour_of(nora, 0) != grounds[0]


def top_of_button(page: Page) -> float:
    top: float = page.get_by_role("button", name="Move in").evaluate("it => it.getBoundingClientRect().top")
    return top


def colour_of(page: Page, number: int) -> str:
    nth = page.locator(f"{FIELD} .strength__segment").nth(number)
    colour: str = nth.evaluate(
        "it => Promise.all(it.getAnimations().map((each) => each.finished))"
        ".then(() => getComputedStyle(it).backgroundColor)"
    )
    return colour


def test_a_name_that_is_typed_afterwards_changes_the_verdict(person: Windows) -> None:
    nora = at_the_door(person)
    nora.get_by_label("Password").fill("ottokarine 77")
    expect(nora.locator(".strength__label")).to_have_text("It will do.")

    nora.get_by_label("Sign-in name").fill("ottokarine")

    expect(nora.locator(".strength__words")).to_contain_text("too close to a name")


def test_who_listens_hears_the_verdict_when_the_typing_rests(person: Windows) -> None:
    nora = at_the_door(person)
    spoken = nora.locator(f"{FIELD} [role=status].visually-hidden")
    spoken.evaluate("""it => {
      window.heard = [];
      new MutationObserver(() => window.heard.push(it.textContent)).observe(it, { childList: true });
    }""")

    nora.get_by_label("Password").press_sequentially("four wet otters", delay=20)
    expect(spoken).to_have_text("It will do. Add another word.")

    assert nora.evaluate("window.heard") == ["It will do. Add another word."]
    assert nora.locator(".strength__words").get_attribute("aria-hidden") == "true"


def test_the_list_is_fetched_when_somebody_comes_to_choose_a_password_and_not_before(person: Windows) -> None:
    ben, asked = person("ben"), []
    ben.on(
        "request", lambda request: asked.append(request.url) if "common-passwords" in request.url else None
    )
    ben.goto("/me")
    ben.get_by_label("The one you use now").focus()
    ben.get_by_label("The one you use now").press_sequentially("otters")
    assert asked == []

    with ben.expect_response("**/common-passwords/*.txt") as reply:
        ben.get_by_label("The new one").focus()

    assert reply.value.headers["content-encoding"] == "gzip"
    ben.get_by_label("The new one").fill("Sunshine2026!")
    expect(ben.locator(".strength__words")).to_contain_text("first that others would try")
    assert len(asked) == 1


def test_without_the_list_the_other_rules_still_help(person: Windows) -> None:
    def lose(route: Route) -> None:
        route.abort()

    nora = at_the_door(person)
    nora.route("**/common-passwords/*", lose)
    nora.get_by_label("Password").fill("abcabcabc")
    expect(nora.locator(".strength__words")).to_contain_text("simple pattern")


def test_people_may_look_at_what_they_type_and_it_is_sent_as_a_password(person: Windows) -> None:
    ben = person("ben", size="phone")
    ben.goto("/me")
    field, show = (
        ben.get_by_label("The one you use now"),
        ben.get_by_role("button", name="Show The one you use now"),
    )
    field.press_sequentially("not this one")
    assert field.get_attribute("type") == "password"
    expect(show).to_have_attribute("aria-pressed", "false")

    show.tap()
    expect(field).to_have_attribute("type", "text")
    expect(field).to_be_focused()
    field.press_sequentially("!")
    expect(field).to_have_value("not this one!")
    expect(show).to_have_attribute("aria-pressed", "true")
    assert field.get_attribute("spellcheck") == "false"
    assert ben.get_by_label("The new one").get_attribute("type") == "password"

    ben.evaluate("document.addEventListener('submit', (event) => event.preventDefault())")
    ben.get_by_label("The new one").fill("seven calm herons")
    ben.get_by_role("button", name="Change the password").click()
    expect(field).to_have_attribute("type", "password")


def test_a_password_can_be_pasted_whole(person: Windows) -> None:
    nora = at_the_door(person)
    long = "  " + "four wet otters " * 9
    other, password = nora.get_by_label("Sign-in name"), nora.get_by_label("Password")
    other.evaluate("it => { it.maxLength = 1000; }")
    other.fill(long)
    other.press("ControlOrMeta+a")
    other.press("ControlOrMeta+c")

    password.press("ControlOrMeta+v")

    expect(password).to_have_value(long)
    expect(nora.locator(".strength__words")).to_have_text("Not yet. It is 18 characters too long.")


def test_caps_lock_is_noticed(person: Windows) -> None:
    page = person(None)
    page.goto("/sign-in")
    field, note = page.get_by_label("Password"), page.get_by_text("Caps lock is on.")
    field.focus()
    expect(note).to_have_count(0)

    field.dispatch_event("keydown", {"key": "A", "modifierCapsLock": True})
    expect(note).to_be_visible()
    field.dispatch_event("keyup", {"key": "CapsLock", "modifierCapsLock": False})
    expect(note).to_have_count(0)


def test_without_javascript_it_is_a_plain_field(person: Windows) -> None:
    ben = person("ben", javascript=False)
    ben.goto("/me")

    expect(ben.get_by_role("button", name="Show")).to_have_count(0)
    expect(ben.get_by_label("The new one")).to_be_editable()
    expect(ben.get_by_text(PROMPT)).to_be_visible()
