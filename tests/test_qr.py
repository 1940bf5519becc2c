"""QR codes: that they say what they should, in a page that allows no styles, without asking anybody."""

from __future__ import annotations

import re

import pytest

from homechat import offload, qr
from tests.house import House
from tests.qr_reader import Matrix, text_in, without_quiet_zone

LINK = "https://chat.example.org/join/" + "aB3_x-Yz9Kq" * 4
TEXTS = [
    "a",
    "http://localhost:8000/join/x",
    LINK,
    "otpauth://totp/Lindenhof%207:grandma_jo?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Lindenhof%207",
    *("ab" * length for length in (18, 30, 40, 60, 80, 90, 105)),
]


def modules_of(svg: str) -> Matrix:
    """Return what a drawing shows, by its own path: dark modules on a light ground."""
    size = int(re.search(r'viewBox="0 0 (\d+) \1"', svg)[1])  # type: ignore[index]
    assert f'<path fill="#fff" d="M0 0h{size}v{size}H0z"/>' in svg
    shown = [[False] * size for _ in range(size)]
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", svg):
        for along in range(int(length)):
            shown[int(y)][int(x) + along] = True
    return shown


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_drawn_says_what_was_asked_for(text: str) -> None:
    code = without_quiet_zone(modules_of(qr.svg(text, label="A link")))

    assert text_in(code) == text


def test_the_reader_notices_another_text_and_a_lost_module() -> None:
    """Guard: the test above could not pass with just any pattern."""
    modules = modules_of(qr.svg(LINK, label="A link"))
    for row in modules:
        row[12:20] = [False] * 8
    with pytest.raises((AssertionError, UnicodeDecodeError)):
        assert text_in(without_quiet_zone(modules)) == LINK


def test_it_is_a_picture_with_a_name_and_without_styles() -> None:
    drawn = qr.svg("a", label='The <link> "here"')

    assert 'role="img" aria-label="The &lt;link&gt; &#34;here&#34;"' in drawn
    assert "style" not in drawn
    assert "currentColor" not in drawn
    assert set(re.findall(r'fill="([^"]+)"', drawn)) == {"#fff", "#000"}


def test_it_is_made_where_it_holds_up_nobody() -> None:
    handed_over = []
    offload.install(lambda function, *args, **kwargs: handed_over.append(args) or function(*args, **kwargs))
    try:
        qr.svg(LINK, label="A link")
    finally:
        offload.install(None)
    assert handed_over == [(LINK,)]


def test_a_text_that_does_not_fit_is_refused() -> None:
    assert qr.svg("x" * 2_300, label="long")
    with pytest.raises(ValueError, match="too large"):
        qr.svg("x" * 2_400, label="too long")


def test_a_new_invitation_comes_with_its_link_as_a_code(house: House) -> None:
    reply = house.client("ada").post("/invites", {"role": "member", "hours": 1, "max_uses": 1})
    page = reply.get_data(as_text=True)
    link = re.search(r'value="(http[^"]+/join/[^"]+)"', page)
    assert link

    code = without_quiet_zone(modules_of(page[page.index('<svg class="qr"') :]))

    assert text_in(code) == link[1]
    assert '<svg class="qr"' not in house.client("ada").get("/invites").get_data(as_text=True)
