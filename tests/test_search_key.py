"""The folding by which things are found, and what is read from a query; pure, but for the words of a refusal."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest
from flask import Flask
from hypothesis import example, given
from hypothesis import strategies as st

from homechat.errors import Invalid
from homechat.messages.excerpts import CHARACTERS_MAX, excerpt
from homechat.messages.formatting import plain_text
from homechat.messages.plain_text import clean_body
from homechat.messages.search_key import KEY_CHARACTERS_MAX, places, search_key, stands_alone
from homechat.messages.search_query import Phrase, contains_all, hits, read_query
from homechat.translations import HouseBabel

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@pytest.fixture
def words() -> Iterator[None]:
    """Refusals are said in a language."""
    app = Flask("words")
    HouseBabel(app)
    with app.test_request_context():
        yield


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Hello, World!", "hello world"),
        ("MÜLLER Müller mu\u0308ller", "muller muller muller"),
        ("Straße STRASSE ẞ", "strasse strasse ss"),
        ("Élève à l'œuvre", "eleve a l oeuvre"),
        ("Łódź Ørsted Þór Ærø", "lodz orsted thor aero"),
        ("İstanbul ISPARTA ısparta", "istanbul isparta isparta"),
        ("ὈΔΥΣΣΕΎΣ Οδυσσεύς", "οδυσσευσ οδυσσευσ"),
        ("Ёлка йод", "елка иод"),
        ("שָׁלוֹם", "שלום"),
        ("كِتَابٌ أحمد مكتبة ـــ", "كتاب احمد مكتبه"),
        ("٢٠٢٦ ۲۰۲۶ २०२६ 2026", "2026 2026 2026 2026"),
        ("हिन्दी", "हिन्दी"),
        ("日本語のテスト", "日 本 語 の テ ス ト"),
        ("がか か\u3099", "が か が"),
        ("ＡＢＣ１２３ ｶﾅ", "abc123 カ ナ"),
        ("我喜欢猫。abc猫", "我 喜 欢 猫 abc 猫"),
        ("학교에서", "학 교 에 서"),
        (unicodedata.normalize("NFD", "학교"), "학 교"),
        ("ปูไทย", "ป ู ไ ท ย"),
        ("ລາວ", "ລ າ ວ"),
        ("ភាសា", "ភ ា ស ា"),
        ("မြန်မာ", "မ ြ န ် မ ာ"),
        ("👍🏽 ❤️ 👨‍👩‍👧", "👍 ❤ 👨 👩 👧"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("mother-in-law, 3.50 €, snake_case", "mother in law 3 50 snake case"),
        ("ﬁne ½ Ⅳ x²", "fine 1 2 iv x2"),
        ("'\" * ^ : () {} [] <> & | ! ~ \\ / \0 \t\n", ""),
        ("", ""),
    ],
)
def test_the_key_of(text: str, key: str) -> None:
    assert search_key(text) == key


@given(texts)
@example("İ")
@example("ﷺ")
@example("ẛ̣")
def test_a_key_is_nothing_but_words_and_folding_it_again_changes_nothing(text: str) -> None:
    key = search_key(text)
    assert not re.search(r"[\x00-\x1f\"'*^:(){}&|!<>\\-]|  |^ | $", key)
    assert search_key(key) == key
    assert search_key(text.upper()) == search_key(text.upper().lower()) or "ı" in text or "İ" in text


@given(texts)
def test_each_word_of_a_key_has_its_place_in_the_text(text: str) -> None:
    text = unicodedata.normalize("NFC", text)
    found = places(text)
    assert " ".join(place.word for place in found) == search_key(text)
    for place in found:
        assert place.word in search_key(text[place.start : place.end]).split()


def test_a_key_and_each_of_its_words_have_an_end() -> None:
    assert len(search_key("ﷺ" * 10_000)) == KEY_CHARACTERS_MAX
    assert search_key("x" * 10_000) == "x" * 64
    assert len(search_key("語" * 10_000).split()) == 10_000


@pytest.mark.parametrize("character", "猫かカー가ก🦦")
def test_one_character_says_enough(character: str) -> None:
    assert stands_alone(character)


@pytest.mark.parametrize("word", ["a", "ж", "א", "1", "ab"])
def test_one_letter_of_an_alphabet_does_not(word: str) -> None:
    assert not stands_alone(word)


# of a message, what is read


@pytest.mark.parametrize(
    ("body", "words_found"),
    [
        ("**foo** and _bar_", "foo and bar"),
        ("[the shop](https://example.org/shop?q=hidden)", "the shop"),
        ("https://example.org/shop", "https example org shop"),
        ("> said\n\n- milk\n- eggs", "said milk eggs"),
        ("```\ncode & <more>\n```", "code more"),
        ("a < b & c > d", "a b c d"),
        (r"\*not bold\* 2*3", "not bold 2 3"),
        ("one\ntwo", "one two"),
    ],
)
def test_a_message_is_found_by_what_is_read_of_it(body: str, words_found: str) -> None:
    assert search_key(plain_text(clean_body(body))) == words_found


def test_the_plain_text_of_a_message_is_no_markup() -> None:
    plain = plain_text("**<script>** &amp;")
    assert plain == "<script> &amp;"
    assert type(plain) is str


# what is asked


@pytest.mark.parametrize(
    ("typed", "phrases"),
    [
        ("red car", [Phrase(("red",)), Phrase(("car",), is_open=True)]),
        ('"red car"', [Phrase(("red", "car"))]),
        ('"red ca', [Phrase(("red", "ca"), is_open=True)]),
        ("„Rotes Auto“ gar", [Phrase(("rotes", "auto")), Phrase(("gar",), is_open=True)]),
        ("mother-in-law", [Phrase(("mother", "in", "law"), is_open=True)]),
        ("plan b", [Phrase(("plan",)), Phrase(("b",))]),
        ("東京", [Phrase(("東", "京"))]),
        ("猫", [Phrase(("猫",))]),
        ('"" AND NEAR(a*', [Phrase(("and",)), Phrase(("near", "a"))]),
    ],
)
def test_a_query_is_read_as(typed: str, phrases: list[Phrase]) -> None:
    assert read_query(typed) == phrases


@pytest.mark.parametrize(
    "typed", ["", " ", "a", "é", "!!", '"', "*", "\0\0", "x" * 201, " ".join(map(chr, range(0x4E00, 0x4E33)))]
)
def test_of_too_little_or_too_much_nothing_is_looked_for(words: None, typed: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read_query(typed)
    assert set(refusal.value.fields) == {"q"}


@pytest.mark.parametrize(
    ("text", "typed", "lit"),
    [
        ("Frau Müller kommt", "muller", ["Müller"]),
        ("Die Müllerin mahlt", "MÜL", ["Müllerin"]),
        ("der Müll", '"mul"', []),
        ("東京タワーへ", "タワー", ["タワー"]),
        ("red car, RED-CAR, red old car", '"red car"', ["red car", "RED-CAR"]),
        ("one two one", "one", ["one", "one"]),
        ("cafe\u0301 noir", "cafe noir", ["cafe\u0301", "noir"]),
        ("日日日", "日日", ["日日日"]),
    ],
)
def test_what_was_looked_for_is_lit(text: str, typed: str, lit: list[str]) -> None:
    phrases = read_query(typed)
    text = unicodedata.normalize("NFC", text)
    found = [text[start:end] for start, end in hits(text, phrases)]
    assert found == [unicodedata.normalize("NFC", each) for each in lit]


def test_looking_through_a_long_text_for_much_takes_no_long_time() -> None:
    text = "ab " * 3_300
    assert len(hits(text, [Phrase(("ab",) * 60), *[Phrase(("cd",))] * 60])) == 1


@pytest.mark.parametrize(
    ("name", "typed", "is_found"),
    [
        ("joanna Joanna", "ann", True),
        ("山田太郎", "太郎", True),
        ("Ben Müller", "mull be", True),
        ("Ben", "bena", False),
    ],
)
def test_a_name_is_found_by_its_parts(name: str, typed: str, is_found: bool) -> None:
    assert contains_all(name, read_query(typed)) is is_found


# a few words of it


def shown(text: str, typed: str) -> str:
    return "".join(
        f"[{piece.text}]" if piece.is_hit else piece.text for piece in excerpt(text, read_query(typed))
    )


def test_a_short_message_is_shown_whole_on_one_line() -> None:
    assert shown("Frau Müller\n\nkommt   morgen", "muller") == "Frau [Müller] kommt morgen"


def test_of_a_long_one_the_words_around_the_first_hit_are_shown() -> None:
    text = f"{'before ' * 40}Müller {'after ' * 60}Müller"
    assert re.fullmatch(r"…(before )+\[Müller\]( after)+…", shown(text, "muller"))
    assert len(shown(text, "muller")) <= CHARACTERS_MAX + 4


@pytest.mark.parametrize("filling", ["word ", "語", "🦦", "🇩🇪", "x" * 70 + " ", "👩\u200d"])
@pytest.mark.parametrize("place", [0, 1, 240, 249, 250, 251, 399, 400, 401, 2_000, 9_000])
def test_wherever_the_first_hit_is_it_is_shown(filling: str, place: int) -> None:
    text = (
        (filling * 10_000)[:place].rpartition(" ")[0] if " " in filling else filling * (place // len(filling))
    )
    assert "[otter boat]" in shown(f"{text} otter boat {filling * 500}", '"otter boat"')


HOSTILE = {
    "flags": ("🇩🇪" * 5_000, "🇩"),
    "flags, all of them asked for": ("🇩🇪" * 5_000, " ".join("🇦🇧🇨🇩🇪🇫🇬🇭🇮🇯🇰🇱🇲🇳🇴🇵🇶🇷🇸🇹")),
    "emoji": ("🦦" * 10_000, "🦦 " * 99),
    "a family": ("👩\u200d" * 5_000, "otter"),
    "marks": ("e" + "\u0301" * 9_999, "otter"),
    "one letter": ("a " * 5_000, '"a a" ' * 33),
    "characters": ("猫" * 10_000, " ".join('"' + "猫" * number + '"' for number in range(2, 18))),
    "ligatures": ("ﷺ" * 10_000, "محمد"),
    "words": ("hello " * 1_600, "otter"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_excerpt_of_whatever_was_written_looks_at_little_of_it(name: str) -> None:
    text, typed = HOSTILE[name]
    phrases = read_query(typed)
    excerpt(text, phrases)  # How letters are folded is found out once.
    lines = 0

    def count(frame: FrameType, event: str, _: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        excerpt(text, phrases)
    finally:
        sys.settrace(before)
    assert 100 < lines < 100_000  # Of Python; to read and compare all of it would take millions.


def test_where_nothing_is_to_be_lit_its_beginning_is_shown() -> None:
    assert shown("a b " * 100, "zz").startswith("a b a b")
    assert shown("", "zz") == ""


def test_an_emoji_is_lit_with_all_that_belongs_to_it() -> None:
    assert shown("so ❤️ und 👨‍👩‍👧!", "❤") == "so [❤️] und 👨‍👩‍👧!"
    assert shown("so 👨‍👩‍👧!", "👩") == "so [👨‍👩‍👧]!"


@given(texts, st.sampled_from(["ab", "日", "🦦", "e", "ﷺ", "x" * 60]), st.integers(0, 60))
def test_an_excerpt_is_a_part_of_the_line_and_never_too_long(text: str, word: str, times: int) -> None:
    text = unicodedata.normalize("NFC", f"{text * 5} {f'{word} ' * times}{text * 5}")
    line = " ".join(text.split())
    pieces = excerpt(text, [Phrase(tuple(search_key(word).split()))])
    together = "".join(piece.text for piece in pieces)
    assert together.removeprefix("…").removesuffix("…") in line or together in line
    assert len(together) <= CHARACTERS_MAX + 2
