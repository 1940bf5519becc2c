"""Turns a message's text into what people see: safe HTML, and one plain line for lists.

What the small Markdown can do is in markup.py; what leaves here has passed an allow-list in any case.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from html import escape, unescape
from threading import Lock

import nh3
from markdown_it.token import Token
from markupsafe import Markup

from homechat.messages.emoji import is_emoji_only
from homechat.messages.markup import message_markdown
from homechat.messages.plain_text import clean_body, is_blank, shortened

__all__ = ["TAGS", "clean_body", "format_body", "is_blank", "is_emoji_only", "plain_text", "preview"]

TAGS = frozenset({"a", "blockquote", "br", "code", "em", "li", "ol", "p", "pre", "s", "strong", "ul"})
URL_SCHEMES = frozenset({"http", "https", "mailto"})
CACHE_CHARACTERS_MAX = 2_000_000
_PREVIEW_READS_CHARACTERS = 1_000

_markdown = message_markdown()
_cleaner = nh3.Cleaner(
    tags=set(TAGS),
    attributes={"*": set(), "a": {"href"}},
    url_schemes=set(URL_SCHEMES),
    link_rel="noopener noreferrer nofollow",
    set_tag_attribute_values={"a": {"target": "_blank"}},
    strip_comments=True,
)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_TAG = re.compile(r"<[^>]*>")
_END_OF_LINE = re.compile(r"<br>|</(?:p|li|pre|blockquote)>")
# What has none of these is what it looks like.
_MARKED = re.compile(r"[\[`*_~\\]|^[ \t]*[>+-]", re.MULTILINE)


class RecentRenders:
    """The HTML of bodies rendered lately, in at most `characters_max` characters, bodies included."""

    def __init__(self, characters_max: int) -> None:
        self.characters_max = characters_max
        self.characters = 0
        self._rendered: OrderedDict[str, Markup] = OrderedDict()
        self._lock = Lock()

    def get(self, body: str) -> Markup | None:
        """Return the HTML of `body`, or None if it is not here (any more)."""
        with self._lock:
            html = self._rendered.get(body)
            if html is not None:
                self._rendered.move_to_end(body)
            return html

    def put(self, body: str, html: Markup) -> None:
        """Keep `html` for `body`, at the cost of what was asked for longest ago."""
        with self._lock:
            if body in self._rendered:
                return
            self._rendered[body] = html
            self.characters += len(body) + len(html)
            while self.characters > self.characters_max:
                old_body, old_html = self._rendered.popitem(last=False)
                self.characters -= len(old_body) + len(old_html)


_recent = RecentRenders(CACHE_CHARACTERS_MAX)


def format_body(body: str) -> Markup:
    """Return `body` as safe HTML: only TAGS, only http, https and mailto links, nothing of the sender's else.

    Safe for any text, cleaned or not. Every text that shows something yields something visible: markup around
    nothing is shown as it was typed. Work is linear in the length of `body`.
    """
    html = _recent.get(body)
    if html is None:
        html = _render(body)
        _recent.put(body, html)
    return html


def preview(body: str, limit: int = 80, *, title: str = "") -> str:
    """Return `body` as one plain line of at most `limit` code points; it is text, not HTML.

    Markers are stripped, line breaks become spaces, and an ellipsis stands for what did not fit. Marks that
    close a change of direction come on top of `limit`.  title: what stands above the message.
    """
    line = _previewed(_SURROGATE.sub("\ufffd", body[:_PREVIEW_READS_CHARACTERS]), limit)
    return shortened(f"{title}: {line}", limit) if title else line


def plain_text(body: str) -> str:
    """Return `body` as it reads, in lines: no markers, of a link its words. It is text, not HTML."""
    if not _MARKED.search(body):
        return body
    html = str(format_body(body))  # No Markup any more: what is unescaped must be escaped again.
    lines = _END_OF_LINE.sub("\n", html)
    return unescape(_TAG.sub("", lines)).strip()


def _render(body: str) -> Markup:
    body = _SURROGATE.sub("\ufffd", body)
    html = _cleaner.clean(_markdown.render(body))
    if not _TAG.sub("", html).strip():
        lines = escape(body.strip()).replace("\n", "<br>")
        html = _cleaner.clean(f"<p>{lines}</p>")
    # Safe: the cleaner parsed it and let through nothing but the allow-list above.
    return Markup(html)  # noqa: S704  # nosec B704


@lru_cache(maxsize=512)
def _previewed(body: str, limit: int) -> str:
    text = " ".join("".join(_words(_markdown.parse(body))).split())
    return shortened(text or " ".join(body.split()), limit)


def _words(tokens: Iterable[Token]) -> Iterator[str]:
    """Yield the text of a message piece by piece, blanks where one block or line ends and the next begins."""
    for token in tokens:
        if token.type == "inline":
            yield from _words(token.children or ())
        elif token.type == "list_item_open" and token.info:
            yield f" {token.info}{token.markup} "
        elif token.content:
            yield token.content
        if token.block or token.type in ("softbreak", "hardbreak"):
            yield " "
