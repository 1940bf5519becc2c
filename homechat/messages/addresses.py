"""Finds web and mail addresses in running text, so that they become links without any markup."""

from __future__ import annotations

import re
from itertools import islice
from typing import NamedTuple

# Nobody reads more of them; as links they weigh twenty times what was sent.
ADDRESSES_MAX = 100

# Endings that make a bare "word.ending" an address. Country codes that are also common words (in, it, is, so,
# to, me, my, be, am, at, do, no …) are left out: "see you.at six" is a missing blank. After www. or https://
# any ending will do.
_ENDINGS = frozenset(
    (
        *("com", "org", "net", "edu", "gov", "info", "biz", "app", "dev", "eu"),
        *("ch", "cz", "de", "dk", "es", "fi", "fr", "gr", "hu", "ie", "nl", "pl", "pt", "ro", "se", "uk"),
        *("ar", "au", "br", "ca", "cl", "cn", "hk", "il", "jp", "ke", "kr", "mx", "ng", "nz", "ru", "sg"),
        *("tr", "tw", "ua", "us", "za"),
    )
)

_INVISIBLE = r"\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
_QUOTES = r"\"`“”‘’«»„、。「」『』（）【】《》"
_IN_ADDRESS = rf"[^\s<>\[\]{{}}|\\^{_INVISIBLE}{_QUOTES}]"
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"


def _host(ending_name: str) -> str:
    return rf"(?:{_LABEL}\.)+(?P<{ending_name}>[^\W\d_]{{2,24}}|xn--[a-z0-9-]{{2,59}})(?![\w-])"


_ADDRESS = re.compile(
    rf"(?<!\w)(?P<web>https?://{_IN_ADDRESS}+)"
    rf"|(?<![\w.+%@-])(?P<mail>(?:mailto:)?[\w.+%-]{{1,64}}@{_host('mail_ending')})"
    rf"|(?<![\w.@/:-])(?P<bare>{_host('ending')}(?::\d{{1,5}}(?!\d))?(?:[/?#]{_IN_ADDRESS}*)?)",
    re.IGNORECASE,
)
_SPEAKS_A_WEB_ADDRESS = re.compile(r"https?://[\w.\[\]:-]+(?:[/?#].*)?", re.IGNORECASE | re.DOTALL)
_SPEAKS_A_MAIL_ADDRESS = re.compile(r"mailto:[^\s@]+@[^\s@]+", re.IGNORECASE)
_PUNCTUATION = ".,:;!?'\"*_~…"


class Address(NamedTuple):
    """Where an address stands in the text, and where its link leads."""

    start: int
    end: int
    url: str


def find_addresses(text: str) -> list[Address]:
    """Return the first 100 addresses in `text`, in order: http(s)://…, www.…, name.com/…, someone@name.com.

    The full stop or bracket after an address belongs to the sentence. Linear in the length of `text`.
    """
    found = (_address(candidate) for candidate in _ADDRESS.finditer(text))
    return list(islice((address for address in found if address), ADDRESSES_MAX))


def is_safe_url(url: str) -> bool:
    """Return whether a link may lead there: a full http, https or mailto address, no name before the host.

    (https://bank.example@evil.example leads to evil.example.)
    """
    return bool(_SPEAKS_A_WEB_ADDRESS.fullmatch(url) or _SPEAKS_A_MAIL_ADDRESS.fullmatch(url))


def _address(candidate: re.Match[str]) -> Address | None:
    text = _without_sentence_end(candidate.group())
    url = text
    if candidate["mail"]:
        url = text if text.lower().startswith("mailto:") else f"mailto:{text}"
    elif candidate["bare"]:
        if candidate["ending"].lower() not in _ENDINGS and not text.lower().startswith("www."):
            return None
        url = f"https://{text}"
    if not is_safe_url(url):
        return None
    return Address(candidate.start(), candidate.start() + len(text), url)


def _without_sentence_end(text: str) -> str:
    """Drop punctuation at the end, and closing brackets that were opened outside of the address."""
    unopened = text.count(")") - text.count("(")
    end = len(text)
    while end:
        if text[end - 1] == ")" and unopened > 0:
            unopened -= 1
        elif text[end - 1] not in _PUNCTUATION:
            break
        end -= 1
    return text[:end]
