"""Every language says everything, with the right blanks in it, and people hear it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message

from homechat.accounts.actions import update_profile
from homechat.locales import LOCALES
from homechat.translations import catalogue
from tests.catalogues import extracted, is_complete, languages, translated
from tests.house import Browser, House

HINT = "run bin/catalogues, and translate what is empty"
BLANK = re.compile(r"%\(\w+\)[a-z]|%%|\{\w+\}")


@pytest.fixture(scope="module")
def texts() -> Catalog:
    """Every text of the code and the templates."""
    found = extracted()
    assert len(found) > 200  # Guard: the extraction still looks where the texts are.
    assert {file.split("/")[0] for message in found for file, _ in message.locations} == {
        "homechat",
        "templates",
    }
    return found


@pytest.fixture(params=languages())
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def keys(messages: Catalog) -> set[Any]:
    return {message.id for message in messages if message.id}


def forms(message: Message) -> Iterator[tuple[str, str]]:
    """Yield each form of a translation with the text that it stands for."""
    if message.pluralizable:
        first, *others = message.string
        yield message.id[0], first
        yield from ((message.id[1], other) for other in others)
    else:
        yield message.id, message.string


def test_every_language_on_offer_has_its_catalogue() -> None:
    assert set(LOCALES) - {"en"} == set(languages())


def test_a_language_has_every_text_and_nothing_that_is_gone(texts: Catalog, language: str) -> None:
    there = translated(language)

    assert keys(texts) - keys(there) == set(), HINT
    assert keys(there) - keys(texts) == set(), HINT
    assert not there.obsolete, HINT


def test_a_language_leaves_nothing_empty_or_in_doubt(language: str) -> None:
    undone = [message.id for message in translated(language) if message.id and not is_done(message)]

    assert undone == [], HINT


def is_done(message: Message) -> bool:
    return is_complete(message.string) and not message.fuzzy


def test_a_language_has_all_plural_forms(language: str) -> None:
    there = translated(language)

    assert {len(message.string) for message in there if message.pluralizable} == {there.num_plurals}


def test_a_translation_has_the_blanks_of_its_text(language: str) -> None:
    for message in translated(language):
        if message.id:
            for original, translation in forms(message):
                assert sorted(BLANK.findall(translation)) == sorted(BLANK.findall(original)), message.id


def test_a_translation_ends_like_its_text(language: str) -> None:
    """A sentence stays one, and a label does not become one."""
    for message in translated(language):
        if message.id:
            for original, translation in forms(message):
                assert translation == translation.strip()
                assert translation.endswith(".") == original.endswith("."), message.id


# German


def test_strangers_hear_german_when_their_browser_asks_for_it(house: House) -> None:
    page = read(house.client(), "/sign-in", asks_for="de-AT,de;q=0.9,en;q=0.5")

    assert '<html lang="de" dir="ltr"' in page
    assert german("Sign-in name") in page
    assert "Sign-in name" not in page


def test_strangers_hear_english_when_their_browser_asks_for_something_else(house: House) -> None:
    page = read(house.client(), "/sign-in", asks_for="fi")

    assert '<html lang="en"' in page
    assert "Sign-in name" in page


def test_a_person_hears_their_own_language_whatever_the_browser_asks_for(house: House) -> None:
    speak(house, "ada", "de")

    page = read(house.client("ada"), "/me", asks_for="en")

    assert '<html lang="de"' in page
    assert german("Where you are signed in") in page
    assert "Where you are signed in" not in page
    assert "Where you are signed in" in read(house.client("ben"), "/me", asks_for="en")


def test_a_refusal_is_in_the_language_of_whoever_reads_it(house: House) -> None:
    speak(house, "ada", "de")

    page = house.client("ada").get("/rooms/999999").get_data(as_text=True)

    assert german("There is no such conversation, or you are not in it.") in html.unescape(page)


def test_scripts_have_their_words_in_german_with_all_plural_forms(house: House) -> None:
    speak(house, "ada", "de")

    page = read(house.client("ada"), "/me", asks_for="en")
    words = json.loads(html.unescape(re.findall(r"data-words='([^']*)'", page)[0]))

    assert words["message.failed"] == german("Not sent")
    assert words["messages.arrived"] == {"one": "{count} neue Nachricht", "other": "{count} neue Nachrichten"}


def german(text: str) -> str:
    translation: str = catalogue("de").ugettext(text)
    assert translation != text
    return translation


def speak(house: House, name: str, locale: str) -> None:
    person = house.person(name)
    house.act(
        update_profile,
        house.actor(name),
        display_name=person.display_name,
        color=person.color,
        locale=locale,
        timezone="",
        theme="system",
    )


def read(browser: Browser, path: str, *, asks_for: str) -> str:
    text: str = browser.get(path, headers={"Accept-Language": asks_for}).get_data(as_text=True)
    return text
