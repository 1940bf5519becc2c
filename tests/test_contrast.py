"""Everybody can read it: the colours of static/css, by day and by night, measured as WCAG 2.2 does."""

from __future__ import annotations

import re

import pytest

from homechat import paths

Rgba = tuple[float, float, float, float]
Tokens = dict[str, str]

THEMES = ("light", "dark")
TEXT_MIN, SIGN_MIN = 4.5, 3.0  # SC 1.4.3; SC 1.4.11 for what is drawn, framed or lit.

# Which words stand on which ground. "a over b" is a see-through colour on top of another.
TEXT = {
    "words": [
        *(
            "ground",
            "ground-side",
            "ground-raised",
            "ground-field",
            "ground-current",
            "bubble",
            "danger-ground",
        ),
        *("ground-hover over ground", "ground-hover over ground-side", "ground-hover over ground-raised"),
        "ground-code over bubble",
    ],
    "words-quiet": [
        *("ground", "ground-side", "ground-raised", "ground-field", "bubble"),
        *(
            "ground-hover over ground-side",
            "ground-hover over ground-raised",
            "ground-hover over ground-field",
        ),
    ],
    "words-link": [
        *("ground", "ground-side", "ground-raised"),
        *("ground-hover over ground", "ground-hover over ground-raised"),
    ],
    "words-own": ["bubble-own", "ground", "ground-code over bubble-own"],
    "words-own-quiet": ["bubble-own", "ground-current", "ground"],
    "ground": ["words"],
    "on-accent": ["accent", "accent-hover"],
    "danger": ["danger-ground", "ground", "ground-raised"],
    "on-danger": ["danger"],
    "good": ["ground-raised"],
    "bubble": ["good"],
}
SIGNS = {
    "focus": ["ground", "ground-side", "ground-raised", "ground-field"],
    "line-strong": ["ground", "ground-raised", "ground-field"],
    "good": ["ground-side", "ground-raised", "ground-current"],
    "danger": ["ground-raised"],
    "fair": ["ground-raised"],
    "words-link": ["bubble-own"],
    "words-quiet": ["line"],
    "lamp-bright": ["mark"],
}


def css(name: str) -> str:
    text = (paths.STATIC / "css" / name).read_text(encoding="utf-8")
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def declared(block: str) -> Tokens:
    return {name: value.strip() for name, value in re.findall(r"--([\w-]+):([^;]+);", block)}


def dark_blocks() -> list[str]:
    """The two: for those whose device wishes it, and for those who chose it."""
    return re.findall(r':root\[data-theme="(?:system|dark)"\] \{([^}]*)\}', css("tokens.css"))


def tokens(theme: str) -> Tokens:
    light = re.findall(r"^:root \{([^}]*)\}", css("tokens.css"), flags=re.MULTILINE)
    return declared("".join([*light, *(dark_blocks() if theme == "dark" else [])]))


def people() -> list[tuple[str, str]]:
    """Soft and deep of each person's colour."""
    return re.findall(r"--person-soft: (#\w+); --person-deep: (#\w+);", css("components/avatar.css"))


def color(text: str, known: Tokens) -> Rgba:
    """Return a colour by the name of its token, or as CSS writes it: #rgb, #rrggbb, rgb(r g b / a%)."""
    top, _, below = text.partition(" over ")
    if below:
        return blend(color(top, known), color(below, known))
    value = known.get(text, text)
    if reference := re.fullmatch(r"var\(--([\w-]+)\)", value):
        return color(reference[1], known)
    if parts := re.fullmatch(r"rgb\((\d+) (\d+) (\d+) / (\d+)%\)", value):
        red, green, blue, percent = map(int, parts.groups())
        return red, green, blue, percent / 100
    assert re.fullmatch(r"#(\w{3}|\w{6})", value), f"{text} is {value}, which is no colour"
    digits = value[1:] if len(value) == 7 else "".join(digit * 2 for digit in value[1:])
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue, 1.0


def blend(top: Rgba, below: Rgba) -> Rgba:
    red, green, blue = (
        above * top[3] + under * (1 - top[3]) for above, under in zip(top[:3], below[:3], strict=True)
    )
    return red, green, blue, 1.0


def contrast(one: Rgba, other: Rgba) -> float:
    """Return the contrast ratio of two opaque colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    assert one[3] == other[3] == 1.0
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def luminance(rgba: Rgba) -> float:
    """Return the relative luminance, 0 to 1 (WCAG 2.2, "relative luminance")."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (channel / 255 for channel in rgba[:3])
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def too_faint(theme: str, pairs: dict[str, list[str]], least: float) -> dict[str, float]:
    known = tokens(theme)
    ratios = {
        f"{words} on {ground}": round(contrast(color(words, known), color(ground, known)), 2)
        for words, grounds in pairs.items()
        for ground in grounds
    }
    return {pair: ratio for pair, ratio in ratios.items() if ratio < least}


def test_the_measure_is_the_one_of_wcag() -> None:
    assert contrast(color("#fff", {}), color("#000", {})) == pytest.approx(21)
    assert contrast(color("#777", {}), color("#ffffff", {})) == pytest.approx(4.48, abs=0.005)
    assert color("rgb(0 0 0 / 50%) over #fff", {}) == (127.5, 127.5, 127.5, 1.0)


def test_both_dark_blocks_say_the_same() -> None:
    wished, chosen = dark_blocks()

    assert wished.split() == chosen.split()
    assert len(declared(chosen)) > 20


def test_dark_changes_only_what_light_has() -> None:
    assert set(declared(dark_blocks()[0])) <= set(tokens("light"))


@pytest.mark.parametrize("theme", THEMES)
def test_words_can_be_read_on_every_ground_they_stand_on(theme: str) -> None:
    assert too_faint(theme, TEXT, TEXT_MIN) == {}


@pytest.mark.parametrize("theme", THEMES)
def test_signs_frames_and_lights_can_be_seen(theme: str) -> None:
    assert too_faint(theme, SIGNS, SIGN_MIN) == {}


def test_initials_and_names_can_be_read_in_every_colour() -> None:
    assert len(people()) == 12
    for soft, deep in people():
        assert too_faint("light", {deep: [soft, "bubble"]}, TEXT_MIN) == {}
        assert too_faint("dark", {soft: [deep, "bubble"]}, TEXT_MIN) == {}


def test_every_colour_of_words_is_measured() -> None:
    """A token that is used as a text colour anywhere is in the table above."""
    used = {
        name
        for file in (paths.STATIC / "css").rglob("*.css")
        for name in re.findall(
            r"(?:^|[\s;{])color: var\(--([\w-]+)", css(str(file.relative_to(paths.STATIC / "css")))
        )
    }

    assert used - {"person-words"} == set(TEXT) | {"lamp-bright", "mark"}
