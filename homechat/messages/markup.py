"""The grammar of a message: a small Markdown that never surprises somebody who did not mean any.

CommonMark (markdown-it) with few constructs, and these differences, all because this is a chat:

- every line break is a line break, and a list or quote needs words in it;
- ordered lists start at 1, so "1986. A great year" stays as it is, and ">:(" is a face;
- a quote or list item ends with its line, so an answer typed below a quote is not part of it;
- a fence needs its closing line; 2*3*4 is a product;
- a backslash only guards markers, so C:\\pictures and ¯\\_(ツ)_/¯ survive;
- web addresses become links by themselves; no headings, images, tables, HTML or entities.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, blockquote, fence, list_block
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline, emphasis, link
from markdown_it.token import Token

from homechat.messages.addresses import Address, find_addresses, is_safe_url

# Deeper quotes and lists are shown as typed: nobody reads them, and each level reads all lines again.
BLOCK_LEVELS_MAX = 8
INLINE_LEVELS_MAX = 20
# No text that somebody wrote has more of these; each costs about 20 microseconds in which nobody is served.
MARKERS_MAX = 1_000
LINES_MAX = 1_000

_LIST_START = re.compile(r"(?:[-*+]|1[.)])[ \t]+(?=.*[^\s*+>-])")
_QUOTE_START = re.compile(r">[> \t]*+(?<=[ \t])\S")
_FENCE_START = re.compile(r"`{3,}")
_FENCE_END = re.compile(r"^[ \t>]*(`{3,})[ \t]*$", re.MULTILINE)
# Where an inline rule of ours may begin or a label end; everything else is text.
_MARKER = re.compile(r"[\n\\`~*_\[\]]")
_INNER_STARS = re.compile(r"(?<=[A-Za-z0-9])\*+(?=[A-Za-z0-9])")
_GUARDED = re.compile(r"\\([*_~`\[\]>.)+-])")


def message_markdown() -> MarkdownIt:
    """Return a parser of message bodies; it is stateless between calls."""
    markdown = MarkdownIt("zero", {"breaks": True, "maxNesting": INLINE_LEVELS_MAX})
    markdown.enable(
        ["fence", "blockquote", "list", "newline", "escape", "backticks", "strikethrough", "emphasis", "link"]
    )
    block, inline = markdown.block.ruler, markdown.inline.ruler
    block.at("fence", _fence, {"alt": ["paragraph", "blockquote", "list"]})
    block.at("blockquote", _blockquote, {"alt": ["paragraph", "blockquote", "list"]})
    block.at("list", _list, {"alt": ["paragraph", "blockquote"]})
    block.before("paragraph", "end_of_container", _end_of_container, {"alt": ["paragraph", "blockquote"]})
    inline.before("text", "address", _address)
    inline.at("text", _text)
    inline.at("escape", _escape)
    inline.at("emphasis", _emphasis)
    inline.at("link", _link)
    markdown.core.ruler.at("block", _blocks)
    markdown.core.ruler.at("inline", _inlines)
    markdown.validateLink = is_safe_url  # type: ignore[method-assign]
    return markdown


def _blocks(state: StateCore) -> None:
    """As markdown-it's own, but a message of too many lines is one paragraph, shown as typed."""
    if state.src.count("\n") < LINES_MAX:
        state.md.block.parse(state.src, state.md, state.env, state.tokens)
    else:
        state.tokens += [
            Token("paragraph_open", "p", 1, block=True),
            Token("inline", "", 0, content=state.src.strip(), children=[], block=True),
            Token("paragraph_close", "p", -1, block=True),
        ]


def _inlines(state: StateCore) -> None:
    """As markdown-it's own, until the message has had its share of markers; the rest is shown as typed."""
    markers = 0
    for token in state.tokens:
        if token.type != "inline":
            continue
        markers += len(_MARKER.findall(token.content))
        if markers <= MARKERS_MAX:
            token.children = state.md.inline.parse(token.content, state.md, state.env, [])
        else:
            token.children = list(_as_typed(token.content))


def _as_typed(text: str) -> Iterator[Token]:
    for number, line in enumerate(text.split("\n")):
        if number:
            yield Token("softbreak", "br", 0)
        yield Token("text", "", 0, content=line)


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


def _list(state: StateBlock, line: int, end_line: int, silent: bool) -> bool:
    if state.level >= BLOCK_LEVELS_MAX or not _LIST_START.match(_line(state, line)):
        return False
    return list_block(state, line, end_line, silent)


def _blockquote(state: StateBlock, line: int, end_line: int, silent: bool) -> bool:
    if state.level >= BLOCK_LEVELS_MAX or not _QUOTE_START.match(_line(state, line)):
        return False
    return blockquote(state, line, end_line, silent)


def _fence(state: StateBlock, line: int, end_line: int, silent: bool) -> bool:
    opening = _FENCE_START.match(_line(state, line))
    if not opening or not _is_closed_later(state, len(opening.group()), after=state.eMarks[line]):
        return False
    return fence(state, line, end_line, silent)


def _is_closed_later(state: StateBlock, length: int, *, after: int) -> bool:
    # Looked up once per message: searching from each opening line would be quadratic.
    last_ends = state.env.get("fence_ends")
    if last_ends is None:
        last_ends = {len(end[1]): end.start(1) for end in _FENCE_END.finditer(state.src)}
        state.env["fence_ends"] = last_ends
    return any(end > after and end_length >= length for end_length, end in last_ends.items())


def _end_of_container(state: StateBlock, line: int, end_line: int, silent: bool) -> bool:
    """Ends a quote or list item where CommonMark would let a paragraph run on into unmarked lines."""
    return silent and (state.parentType == "blockquote" or state.sCount[line] < state.blkIndent)


def _addresses(state: StateInline) -> tuple[list[int], list[Address]]:
    known = state.env.get("addresses")
    if known is None or known[0] is not state.src:
        addresses = find_addresses(state.src)
        known = state.env["addresses"] = (state.src, [address.start for address in addresses], addresses)
    return known[1], known[2]


def _address(state: StateInline, silent: bool) -> bool:
    starts, addresses = _addresses(state)
    index = bisect_left(starts, state.pos)
    if state.linkLevel or index == len(starts) or starts[index] != state.pos:
        return False
    address = addresses[index]
    if address.end > state.posMax:
        return False
    if not silent:
        state.push("link_open", "a", 1).attrs = {"href": state.md.normalizeLink(address.url)}
        state.push("text", "", 0).content = state.src[address.start : address.end]
        state.push("link_close", "a", -1)
    state.pos = address.end
    return True


def _text(state: StateInline, silent: bool) -> bool:
    """As markdown-it's own, but stops before an address as well."""
    starts, _ = _addresses(state)
    marker = _MARKER.search(state.src, state.pos)
    end = min(marker.start() if marker else state.posMax, state.posMax)
    index = bisect_left(starts, state.pos + 1)
    if index < len(starts) and not state.linkLevel:
        end = min(end, starts[index])
    if end == state.pos:
        return False
    if not silent:
        state.append_pending(state.src[state.pos : end])
    state.pos = end
    return True


def _escape(state: StateInline, silent: bool) -> bool:
    guarded = _GUARDED.match(state.src, state.pos, state.posMax)
    if not guarded:
        return False
    is_shrug = state.src.startswith("¯", state.pos - 1)
    if not silent:
        state.append_pending(guarded[0] if is_shrug else guarded[1])
    state.pos = guarded.end()
    return True


def _emphasis(state: StateInline, silent: bool) -> bool:
    """As markdown-it's own, but a star between two letters or digits is a star: 2*3*4."""
    stars = _INNER_STARS.match(state.src, state.pos, state.posMax)
    if not stars:
        return emphasis.tokenize(state, silent)
    if not silent:
        state.append_pending(stars[0])
    state.pos = stars.end()
    return True


def _link(state: StateInline, silent: bool) -> bool:
    """As markdown-it's own, but needs a label, which must not pretend to lead somewhere else."""
    if state.src[state.pos] != "[" or state.linkLevel:
        return False
    label_end = state.md.helpers.parseLinkLabel(state, state.pos, True)
    if label_end < 0 or not state.src.startswith("](", label_end):
        return False
    label = state.src[state.pos + 1 : label_end]
    target = state.src[label_end + 2 : label_end + 3 + len(label)]
    if not label.strip() or (find_addresses(label) and target not in (f"{label})", f"{label} ")):
        return False
    return link(state, silent)
