"""Help with passwords: the list for browsers, and that what a browser says of a password is what the server says."""

from __future__ import annotations

import gzip
import json
import random
import re
import subprocess

import pytest
from playwright._impl._driver import compute_driver_executable

from homechat import paths
from homechat.errors import Invalid
from homechat.security.common_passwords import is_common, shortlist
from homechat.security.passwords import check_password_rules
from tests.house import House

TRANSFERRED_BYTES_MAX = 60_000
NAMES = {"username": "grandma_jo", "house_name": "The Lovelaces"}
REASONS = {  # how the server's sentences begin, and what the browser calls it
    "Use at least": "short",
    "Use at most": "long",
    "That password is a simple pattern": "pattern",
    "That password is too close": "name",
    "That password is one of the first": "common",
}
TABLE = [
    *("", "short", "k7 wQ9z", "äöüßéèà", "k7 wQ9zp", "four wet otters", "four wet otters " * 8, "otter" * 26),
    *(
        "a\u0308o\u0308u\u0308\u00dfe\u0301e\u0300a\u0300",
        "\u0316\u0301" * 3_000,
        "🦦" * 12,
        "🦦🐟🏡🎂🥁🌻🚲⛵",
    ),
    *(
        "aaaaaaaa",
        "12345678",
        "abababab",
        "abcabcabc",
        "11112222",
        "abcdefgh",
        "zyxwvuts",
        "3456789:",
        "        ",
    ),
    *("xxxxxxxxxxxxxxxxy", "αβγδεζηθ", "ＡＢＣＤＥＦＧＨ", "abcABCabc", "１２３４５６７８"),
    *("homechat", "HomeChat1", "homechat2026!", "h0mechat", "home-chat!", "homechathomechat", "homechat٢٠٢٦"),
    *(
        "grandma_jo",
        "Grandma_Jo99",
        "grandmajo!",
        "gr4ndm4_jo",
        "thelovelaces",
        "Lovelaces2026!",
        "the lovelaces sail",
    ),
    *("password", "PASSWORD", "Password123!", "!!password!!", "2024sunshine", "sunshine 2024?", "p4ssw0rd!"),
    *(
        "P@$$w0rd",
        "f00tball",
        "dragondragon",
        "monkey12345678",
        "elizabeth",
        "chocolate",
        "washington",
        "ſunſhine",
    ),
    *(
        "correct horse battery staple",
        "Grüße vom Fischotter",
        "我的家在河边的小树林",
        "no digits here",
        "x7!kQ2pz",
    ),
    *(
        "½½password½½",
        "pass\u0301word1",
        "İstanbul'da",
        "ΣΊΣΥΦΟΣ ΟΔΟΣ",
        "\ud83d half an emoji",
        "ⅧⅧⅧpassword",
    ),
]


def servers_reason(password: str, *, username: str, house_name: str) -> str:
    """Why the server refuses `password`, or "" if it will do."""
    try:
        check_password_rules(password, username=username, house_name=house_name)
    except Invalid as error:
        return next(reason for begin, reason in REASONS.items() if error.message.startswith(begin))
    return ""


def browsers_reasons(passwords: list[str], *, username: str, house_name: str) -> list[str]:
    """The same, as the page says it, with the list that it is given."""
    script = """
      const { judge } = await import(process.argv[1]);
      const { passwords, rules, words } = JSON.parse(await new Response(process.stdin).text());
      const common = new Set(words.split("\\n"));
      console.log(JSON.stringify(passwords.map((each) => judge(each, { ...rules, common }).refusal ?? "")));
    """
    node = str(compute_driver_executable()[0])
    module = (paths.STATIC / "js/lib/password-strength.js").as_uri()
    rules = {"atLeast": 8, "atMost": 128, "username": username, "houseName": house_name}
    asked = json.dumps({"passwords": passwords, "rules": rules, "words": shortlist().words.decode()})
    done = subprocess.run(
        [node, "--input-type=module", "--eval", script, module],
        input=asked,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: list[str] = json.loads(done.stdout)
    return answer


def test_browser_and_server_say_the_same_of_every_password_of_the_table() -> None:
    expected = [servers_reason(password, **NAMES) for password in TABLE]
    assert set(expected) == {"", *REASONS.values()}, "the table has lost a reason"

    said = browsers_reasons(TABLE, **NAMES)

    assert dict(zip(TABLE, said, strict=True)) == dict(zip(TABLE, expected, strict=True))


@pytest.mark.parametrize(
    "names",
    [
        {"username": "ben", "house_name": "Straße 7"},
        {"username": "kat_99", "house_name": "ΟΔΟΣ Σ"},
        {"username": "ılker", "house_name": "  Haus   am See  "},
        {"username": "u", "house_name": "$& $1 ()"},
    ],
)
def test_what_the_browser_refuses_the_server_refuses(names: dict[str, str]) -> None:
    chance = random.Random(2026)
    passwords = [made_up(chance, names) for _ in range(1_500)]

    said = browsers_reasons(passwords, **names)

    expected = [servers_reason(password, **names) for password in passwords]
    assert len(set(said)) == 6, "not every reason was tried"
    wrongly = [
        (password, said, expected)
        for password, said, expected in zip(passwords, said, expected, strict=True)
        if said != expected and not (said == "" and expected == "common")
    ]
    assert wrongly == []


def made_up(chance: random.Random, names: dict[str, str]) -> str:
    """A password as people make them: pieces that are known, with something before, between or behind."""
    pieces = [
        *(
            names["username"],
            names["house_name"],
            names["house_name"].upper(),
            "homechat",
            "dragon",
            "Sunshine",
        ),
        *(
            "iloveyou",
            "otter",
            "abc",
            "7",
            "2026",
            "!",
            " ",
            "_",
            "é",
            "ß",
            "Σ",
            "ı",
            "🦦",
            "我",
            "p4ss",
            "½",
            "٣",
        ),
    ]
    text = "".join(chance.choice(pieces) for _ in range(chance.randint(1, 5)))
    if chance.random() < 0.15:
        text = text[:4] * chance.randint(2, 9)
    if chance.random() < 0.03:
        text *= 40
    swaps = str.maketrans("aeiost", "@3!05+") if chance.random() < 0.2 else {}
    return text.translate(swaps)


# the list


def test_what_is_on_the_short_list_is_on_the_long_one() -> None:
    words = shortlist().words.decode().split("\n")

    assert len(words) > 15_000
    assert {"password", "qwerty", "sunshine", "elizabeth", "chocolate"} <= set(words)
    assert [word for word in words if not is_common(word)] == []


def test_the_list_is_small_on_its_way_and_kept_for_ever(house: House) -> None:
    stranger = house.client()
    address = list_address(house)

    reply = stranger.get(address, headers={"Accept-Encoding": "gzip"})

    assert reply.status_code == 200
    assert reply.headers["Content-Encoding"] == "gzip"
    assert len(reply.data) < TRANSFERRED_BYTES_MAX
    assert gzip.decompress(reply.data) == shortlist().words == stranger.get(address).data
    assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "Accept-Encoding" in reply.headers["Vary"]
    assert "Set-Cookie" not in reply.headers


def test_under_an_old_address_it_is_the_current_list_and_not_kept(house: House) -> None:
    reply = house.client().get("/common-passwords/0123456789abcdef.txt")

    assert reply.headers["Cache-Control"] == "no-cache"
    assert reply.data == shortlist().words


def list_address(house: House) -> str:
    """Return the address of the list, as a page with a new password names it."""
    page = house.client("ada").get("/me").get_data(as_text=True)
    found = re.search(r'data-common-passwords="([^"]+)"', page)
    assert found
    return found[1]
