"""Messages become safe HTML that says what was typed."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from homechat.errors import Invalid
from homechat.messages import formatting
from homechat.messages.formatting import (
    TAGS,
    RecentRenders,
    clean_body,
    format_body,
    is_blank,
    is_emoji_only,
    preview,
)

LINK = 'target="_blank" rel="noopener noreferrer nofollow"'


def flat(body: str) -> str:
    """The HTML of `body` without line ends, and without the two attributes that every link has."""
    return format_body(body).replace("\n", "").replace(f" {LINK}", "")


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("Hello, Ada!", "<p>Hello, Ada!</p>"),
        ("**bold** and __bold__", "<p><strong>bold</strong> and <strong>bold</strong></p>"),
        ("*soft* and _soft_", "<p><em>soft</em> and <em>soft</em></p>"),
        ("~~gone~~ ~5 minutes~", "<p><s>gone</s> ~5 minutes~</p>"),
        ("run `ls *` now", "<p>run <code>ls *</code> now</p>"),
        ("中文**粗体**中文", "<p>中文<strong>粗体</strong>中文</p>"),
        ("**a _b_ `c`**", "<p><strong>a <em>b</em> <code>c</code></strong></p>"),
        ("one\ntwo", "<p>one<br>two</p>"),
        ("one\n\n\ntwo", "<p>one</p><p>two</p>"),
        ("```py\nif a < b:\n    *x*\n```", "<pre><code>if a &lt; b:    *x*</code></pre>"),
        ("- milk\n- eggs", "<ul><li>milk</li><li>eggs</li></ul>"),
        ("1. wash\n2. dry", "<ol><li>wash</li><li>dry</li></ol>"),
        ("- a\n  - b", "<ul><li>a<ul><li>b</li></ul></li></ul>"),
        ("> she said\n> so", "<blockquote><p>she said<br>so</p></blockquote>"),
        ("👋🏽 café", "<p>👋🏽 café</p>"),
    ],
)
def test_the_small_markdown(body: str, html: str) -> None:
    assert flat(body) == html


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("> dinner at six?\nyes!", "<blockquote><p>dinner at six?</p></blockquote><p>yes!</p>"),
        ("- milk\n- eggs\nThanks!", "<ul><li>milk</li><li>eggs</li></ul><p>Thanks!</p>"),
        ("Shopping:\n- milk", "<p>Shopping:</p><ul><li>milk</li></ul>"),
    ],
)
def test_an_answer_below_a_quote_or_a_list_is_not_part_of_it(body: str, html: str) -> None:
    assert flat(body) == html


@pytest.mark.parametrize(
    "body",
    [
        "1986. A great year",
        "2. bring the cake",
        "snake_case_name and MAX_LEN",
        "2*3*4 = 24",
        "**unfinished",
        "*a",
        "`tick",
        "~~half",
        "[not a link]",
        "[x](somewhere)",
        "# not a heading",
        "a\n---",
        "| a | b |",
        "&amp; &lt;b&gt; &#106;",
        "<b>bold</b>",
        "![",
        "> ",
        ">:( why",
        ">_<",
        "-5 degrees",
        "+49 30 1234",
        "```\nno end",
        "~~~\nwaves\n~~~",
        "C:\\pictures\\new",
        "\\\\nas\\photos",
        "¯\\_(ツ)_/¯",
        "[ref]: http",
        "5 < 6 > 4",
        "tab\there",
        *(
            "#",
            "##",
            "-",
            "*",
            "+",
            ">",
            ">>",
            "1.",
            "1)",
            "`",
            "```",
            "``` ```",
            "~",
            "~~",
            "~~~",
            ":",
            "_",
            "__",
        ),
        *(
            "***",
            "---",
            "- - -",
            "* * *",
            "[]",
            "[]()",
            "![]()",
            "\\",
            "> >",
            "- >",
            "```\n```",
            "- \n- ",
            "|",
        ),
    ],
)
def test_text_that_means_no_markup_is_shown_as_it_was_typed(body: str) -> None:
    assert text_of(format_body(body)).split() == body.split()


@pytest.mark.parametrize(
    ("body", "shown"),
    [(r"\*no stars\*", "*no stars*"), (r"snake\_case\_too", "snake_case_too"), (r"1\. first", "1. first")],
)
def test_a_backslash_guards_a_marker(body: str, shown: str) -> None:
    assert flat(body) == f"<p>{shown}</p>"


@pytest.mark.parametrize(
    ("body", "links"),
    [
        ("see https://example.com/a_b_c?d=_e_#f.", [("https://example.com/a_b_c?d=_e_#f", None)]),
        (
            "(https://en.wikipedia.org/wiki/Home_(film))",
            [("https://en.wikipedia.org/wiki/Home_(film)", None)],
        ),
        ("**http://example.com**", [("http://example.com", None)]),
        ("www.example.museum/_x_y, ok", [("https://www.example.museum/_x_y", "www.example.museum/_x_y")]),
        ("look: example.de/x!", [("https://example.de/x", "example.de/x")]),
        ("ben@example.com", [("mailto:ben@example.com", "ben@example.com")]),
        ("mailto:ben@example.com", [("mailto:ben@example.com", None)]),
        ("[our photos](https://example.com/p)", [("https://example.com/p", "our photos")]),
        ("[**bold** label](http://example.com)", [("http://example.com", "bold label")]),
        ('[t](https://example.com "hidden title")', [("https://example.com", "t")]),
        ("http://münchen.de/ü", [("http://xn--mnchen-3ya.de/%C3%BC", "http://münchen.de/ü")]),
        ("http://localhost:8000/rooms/1", [("http://localhost:8000/rooms/1", None)]),
        ("看https://example.com/a，好", []),
        ("去 https://example.com/a。好", [("https://example.com/a", None)]),
        ("[https://example.com](https://example.com)", [("https://example.com", None)]),
        ("<https://example.com>", [("https://example.com", None)]),
        ("no.so file.py e.g. 3.14 end.In @example.com", []),
        ("http:// https://... ftp://example.com tel:123 javascript:alert(1)", []),
        ("`https://example.com`", []),
        ("```\nhttps://example.com\n```", []),
    ],
)
def test_addresses_become_links(body: str, links: list[tuple[str, str | None]]) -> None:
    assert links_of(format_body(body)) == [(url, text or url) for url, text in links]


def test_a_link_opens_apart_and_tells_its_target_nothing() -> None:
    assert LINK in format_body("https://example.com")


def test_a_link_cannot_pretend_to_lead_somewhere_else() -> None:
    for body in (
        "[https://bank.example.com](https://evil.example.com)",
        "[bank.com](https://bank.com.evil.example)",
        "https://bank.example.com@evil.example.com/",
        "[x](https://bank.example.com@evil.example.com/)",
        "[ ](https://evil.example.com)",
    ):
        assert all(
            url.rstrip("/") == f"{'' if '://' in text else 'https://'}{text}"
            for url, text in links_of(format_body(body))
        )


def test_a_message_has_a_hundred_bare_links_at_most() -> None:
    assert len(links_of(format_body("a.de " * 500))) == 100


# What attackers try: OWASP's filter evasion ideas and those of Markdown converters, in our own words.
ATTACKS = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example></ScRiPt>",
    "<script\x00>alert(1)</script>",
    "<<script>alert(1)//<</script>",
    "<img src=x onerror=alert(1)>",
    "<img src='x' onerror=&#97;lert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><a xlink:href='javascript:alert(1)'><text y=9>x</text></a></svg>",
    "<math><mtext><mglyph><style><!--</style><img title='--><img src=1 onerror=alert(1)>'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<object data=data:text/html;base64,PHNjcmlwdD4=>",
    "<embed src=javascript:alert(1)>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<link rel=stylesheet href=//evil.example>",
    "<style>*{background:url(//evil.example)}</style>",
    "<div style='position:fixed;inset:0'>x</div>",
    "<form action=//evil.example><button>Sign in</button></form>",
    "<input autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' &#x6A;avascript:alert(1)'>x</a>",
    "<a id=message-1 name=csrf class=message>x</a>",
    "<template><script>alert(1)</script></template>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><x/>",
    "</p></li></ol><script>alert(1)</script>",
    "<plaintext>",
    "<textarea><script>alert(1)</script>",
    "<title></title><img src=x onerror=alert(1)>",
    "\ufeff<script>alert(1)</script>",
    "＜script＞alert(1)＜/script＞",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](javascript%3Aalert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](data:image/svg+xml,<svg onload=alert(1)>)",
    "[x](file:///etc/passwd)",
    "[x](blob:https://example.com/1)",
    "[x](//evil.example)",
    "[x](/sign-out)",
    "[x](\\\\evil.example)",
    "[x](https:evil.example)",
    '[x](http://example.com" onmouseover="alert(1))',
    "[x](http://example.com' onmouseover='alert(1))",
    '[x](http://example.com "t\\" onmouseover=alert(1) ")',
    "[x](<http://example.com> 'onclick=alert(1)')",
    "[<img src=x onerror=alert(1)>](http://example.com)",
    "![x](javascript:alert(1))",
    '![x" onerror="alert(1)](http://example.com/a.png)',
    "[x]: javascript:alert(1)\n[x]",
    "<javascript:alert(1)>",
    "<http://example.com onclick=alert(1)>",
    "http://example.com/<script>alert(1)</script>",
    'http://example.com/"onmouseover=alert(1)',
    "http://example.com/'><img src=x onerror=alert(1)>",
    "http://javascript:alert(1)@example.com/",
    "mailto:a@example.com?subject=<script>alert(1)</script>",
    "```<script>\nalert(1)\n```",
    '```x" onload="alert(1)\nx\n```',
    "```\n</code></pre><script>alert(1)</script>\n```",
    "`<script>alert(1)</script>`",
    "`</code><script>alert(1)</script>`",
    "**<b onclick=alert(1)>**",
    "- <script>\n- alert(1)</script>",
    "> <script>\n> alert(1)</script>",
    "_<a href=`javascript:alert(1)`>_",
    "\ud800<script>alert(1)</script>",
    "\u202e<tpircs>(1)trela\u202c",
    "<a\u2028href=javascript:alert(1)>x</a>",
    "\\<script>alert(1)\\</script>",
]


def test_the_corpus_of_attacks_is_of_some_size() -> None:
    assert len(set(ATTACKS)) >= 60


@pytest.mark.parametrize("body", ATTACKS)
def test_an_attack_is_only_text(body: str) -> None:
    assert_safe(format_body(body))
    assert_safe(format_body(f"**a** {body}\n> - {body}"))
    assert not any(url.lower().startswith(("javascript", "data")) for url, _ in links_of(format_body(body)))


markup_soup = st.lists(
    st.sampled_from(
        [
            *"*_~`[]()<>\\!#&\"'- \n\t.:/@1aZ\u202e\u2069é👍",
            *("```", "http://a.b/", "](", "javascript:", "<b ", "> ", "- ", "1. "),
            *ATTACKS[:20],
        ]
    ),
    max_size=60,
).map("".join)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=300), markup_soup))
@example("\ud800")
@example("\x00")
def test_whatever_is_sent_comes_out_as_allowed_html(body: str) -> None:
    assert_safe(format_body(body))
    assert "\n" not in preview(body)


@settings(deadline=None)
@given(markup_soup)
def test_no_letter_is_lost_and_nothing_visible_vanishes(body: str) -> None:
    shown = text_of(format_body(body))
    assert bool(shown.strip()) == bool(body.replace("\x00", "x").strip())
    for letter in "aZé👍":
        # A URL or a title inside a link is hidden by meaning; without links everything is there.
        assert "](" in body or shown.count(letter) == body.count(letter) or "```" in body


@settings(deadline=None)
@given(st.one_of(st.text(max_size=200), markup_soup))
@example("\u0344" * 40)
@example("e\x00\u0301")
@example("\u202ea \u202c \u202c  ")
@example("\u2067\u202ea\u2069\u202c")
@example("a\u2028\u2029\x85")
def test_cleaning_twice_changes_nothing_more(body: str) -> None:
    try:
        cleaned = clean_body(body)
    except Invalid:
        assert any("\ud800" <= character <= "\udfff" for character in body)
        return
    assert clean_body(cleaned) == cleaned
    assert unicodedata.is_normalized("NFC", cleaned)
    assert is_balanced(cleaned)


@pytest.mark.parametrize(
    ("body", "cleaned"),
    [
        ("a\r\nb\rc\n", "a\nb\nc"),
        ("a\u2028b\u2029c", "a\nb\nc"),
        ("  code\t\n \u00a0", "  code"),
        ("a\x00b\x07c\x1b[0m\x9fd", "abc[0md"),
        ("cafe\u0301", "café"),
        ("\u202ertl", "\u202ertl\u202c"),
        ("\u2067x \u202ay", "\u2067x \u202ay\u202c\u2069"),
        ("x\u2069\u202cy", "xy"),
        ("\u2067\u202ax\u2069y", "\u2067\u202ax\u2069y"),
        ("\u200f\u200eמ", "\u200f\u200eמ"),
        ("👩‍👩‍👧 ❤️", "👩‍👩‍👧 ❤️"),
        (" \n ", ""),
    ],
)
def test_a_body_is_cleaned(body: str, cleaned: str) -> None:
    assert clean_body(body) == cleaned


def test_half_a_character_is_refused_with_a_sentence() -> None:
    with pytest.raises(Invalid, match="broken character"):
        clean_body("a\ud83d")


def test_towers_of_marks_are_cut_down() -> None:
    cleaned = clean_body("Z" + "\u0316\u0301" * 2000 + "!")
    assert unicodedata.normalize("NFD", cleaned) == "Z" + "\u0316" * 15 + "\u0301" * 15 + "!"


def test_a_flood_of_direction_marks_does_not_double_the_message() -> None:
    assert len(clean_body("\u202e" * 10_000 + "x")) < 200


@pytest.mark.parametrize(
    "body", ["", " \n\t", "\u200b\u2060\ufeff", "\u3164", "\u2800", "\u2067\u2069", "\ufe0f", "\u00ad"]
)
def test_what_shows_nothing_is_blank(body: str) -> None:
    assert is_blank(body)


@pytest.mark.parametrize("body", ["a", ".", "👍", "\u200bx", "你"])
def test_what_shows_something_is_not_blank(body: str) -> None:
    assert not is_blank(body)


@pytest.mark.parametrize(
    "body",
    [
        "👍",
        "❤️",
        "❤",
        "☺️",
        "👍🏽",
        "☝🏽",
        "👩‍👩‍👧‍👦",
        "🏳️‍🌈",
        "🏴‍☠️",
        "👩🏽‍⚕️",
        "🧑🏻‍🤝‍🧑🏿",
        "⛓️‍💥",
        "🇩🇪",
        "🇩🇪🇫🇷",
        "🏴󠁧󠁢󠁳󠁣󠁴󠁿",
        "1️⃣",
        "#️⃣*️⃣",
        "©️",
        "🎉 🎉\n🎂",
        " 🥳 ",
        "😀" * 8,
        "🫶🫨",
        "⌚✨⬛",
    ],
)
def test_a_few_emoji_are_shown_large(body: str) -> None:
    assert is_emoji_only(body)


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "1",
        "12345678",
        "#",
        "*",
        "©",
        "☎",
        "a👍",
        "👍!",
        "😀" * 9,
        "🇩",
        "🇩🇪🇫",
        "\ufe0f",
        "\u200d",
        "🏽a",
        "ok",
        "→",
        "你好",
        "👍" + "\u200d" * 300,
    ],
)
def test_other_messages_are_not(body: str) -> None:
    assert not is_emoji_only(body)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("**Hello** _there_ ~~x~~ `code`", "Hello there x code"),
        ("one\ntwo\n\nthree", "one two three"),
        ("> quote\nanswer", "quote answer"),
        ("- milk\n- eggs", "milk eggs"),
        ("1. wash\n2. dry", "1. wash 2. dry"),
        ("```py\nprint(1)\n```", "print(1)"),
        ("[our photos](https://example.com/very/long)", "our photos"),
        ("see https://example.com", "see https://example.com"),
        ("<b>&amp;</b>", "<b>&amp;</b>"),
        ("-", "-"),
        ("👩‍👩‍👧 hi", "👩‍👩‍👧 hi"),
    ],
)
def test_a_preview_is_one_plain_line(body: str, line: str) -> None:
    assert preview(body) == line


def test_a_long_message_is_previewed_with_an_ellipsis() -> None:
    assert preview("word " * 100) == "word " * 15 + "word…"
    assert preview("x" * 80) == "x" * 80
    assert preview("x" * 81) == "x" * 79 + "…"
    assert preview("x" * 10_000, limit=10) == "x" * 9 + "…"


@pytest.mark.parametrize("character", ["👩‍👩‍👧‍👦", "👍🏽", "🇩🇪", "e\u0323\u0307", "1️⃣", "नि", "क्ष", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"])
def test_a_preview_never_cuts_through_a_character(character: str) -> None:
    for before in range(3, 20):
        line = preview("x" * before + character * 10, limit=20).removesuffix("…").lstrip("x")
        assert line == character * (len(line) // len(character))


def test_a_cut_preview_closes_what_it_left_open() -> None:
    assert preview("\u2067" + "ש" * 100 + "\u2069", limit=10) == "\u2067" + "ש" * 8 + "…\u2069"


def many(unit: str) -> Callable[[int], str]:
    return lambda length: (unit * length)[:length]


HARD_UNITS = [
    *("[", "]", "[[x]", "![", "[a](", "[a](<b", '[a](http://b.c "', "](", "[`", "*[", "[_a_"),
    *("*", "_", "~", "**a", "*a*", "_*", "*a **b ", "~~a", "`", "`a``", "\\", "\\*", "(", "<", "&"),
    *("> ", ">", ">\n", "> a\n", "- ", "- - ", "> - ", "- a\n", " - a\n", "1. a\n", "- a\n\n"),
    *("```\n", "```a\n", "```` \n", "```a\nx\n```\n", "\n", "a\n", "a\n\n", "\t", "    "),
    *("http://", "http://x(", ")http://x", "www.", "a.", "a-.", "a@", "a@a.de ", "a.de ", "mailto:", "xn--"),
    *("\u202e", "\u2067\u202c", "e\u0301", "\u0316\u0301", "👍\u200d", "🇩"),
]


@pytest.mark.parametrize("unit", HARD_UNITS)
def test_twice_the_text_is_about_twice_the_work(unit: str) -> None:
    """Counts calls, so that it holds on a busy machine; 2.6 leaves room for what is done once per message."""

    def everything(body: str) -> None:
        body = clean_body(body)
        formatting._render(body)
        is_emoji_only(body)
        preview(body)

    text = many(unit)
    once, twice = calls_of(everything, text(1_500)), calls_of(everything, text(3_000))
    assert twice <= 2.6 * once + 500


@pytest.mark.parametrize("unit", HARD_UNITS)
def test_the_longest_message_costs_a_bounded_number_of_steps(unit: str) -> None:
    assert calls_of(formatting._render, many(unit)(10_000)) < 200_000


@pytest.mark.parametrize(
    "body",
    [
        "> " * 3_000 + "deep",
        "- " * 3_000 + "deep",
        "[" * 3_000 + "deep" + "]" * 3_000,
        "*a " * 3_000 + "deep",
    ],
)
def test_deep_nesting_is_cut_off_and_still_says_what_it_said(body: str) -> None:
    html = format_body(body)
    assert "deep" in text_of(html)
    assert depth_of(html) <= 30


def test_a_table_of_numbers_keeps_all_its_lines() -> None:
    lines = [f"*{number}*" for number in range(2_000)]
    assert text_of(format_body("\n".join(lines))).split() == lines


def test_what_was_rendered_is_remembered_within_bounds() -> None:
    recent = RecentRenders(1_000)
    for number in range(100):
        recent.put(f"body {number}", format_body("x" * 50))
    assert recent.characters <= 1_000
    assert recent.get("body 0") is None
    assert recent.get("body 99") == format_body("x" * 50)


def test_a_render_that_does_not_fit_is_not_kept() -> None:
    recent = RecentRenders(10)
    recent.put("x", format_body("much longer than that"))
    assert recent.get("x") is None
    assert recent.characters == 0


class Parsed(HTMLParser):
    """What a browser would make of it: tags with their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.other: list[str] = []
        self.depth = self.deepest = 0
        self._link_from = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "br":
            self.depth += 1
            self.deepest = max(self.deepest, self.depth)
        if tag == "br":
            self.text.append("\n")
        if tag == "li":
            self.text.append("")
        if tag == "a":
            self._link_from = len(self.text)
            self.links.append((dict(attrs).get("href") or "", ""))

    def handle_endtag(self, tag: str) -> None:
        self.depth -= 1
        if tag == "a":
            self.links[-1] = (self.links[-1][0], "".join(self.text[self._link_from :]))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        self.other.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def assert_safe(html: str) -> None:
    parsed = Parsed(html)
    assert not parsed.other
    assert parsed.depth == 0
    for tag, attributes in parsed.tags:
        assert tag in TAGS
        if tag == "a":
            assert set(attributes) == {"href", "target", "rel"}
            assert (attributes["href"] or "").lower().startswith(("http://", "https://", "mailto:"))
            assert attributes["target"] == "_blank"
            assert attributes["rel"] == "noopener noreferrer nofollow"
        else:
            assert not attributes


def text_of(html: str) -> str:
    return "".join(Parsed(html).text)


def links_of(html: str) -> list[tuple[str, str]]:
    return Parsed(html).links


def depth_of(html: str) -> int:
    return Parsed(html).deepest


def is_balanced(text: str) -> bool:
    embeddings = sum(text.count(mark) for mark in "\u202a\u202b\u202d\u202e")
    isolates = sum(text.count(mark) for mark in "\u2066\u2067\u2068")
    # An isolate's end closes the embeddings inside it, so those may lack a closing mark of their own.
    return isolates == text.count("\u2069") and embeddings >= text.count("\u202c")


def calls_of(function: Callable[[str], object], body: str) -> int:
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    formatting._previewed.cache_clear()
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        function(body)
    finally:
        sys.setprofile(before)
    return calls
