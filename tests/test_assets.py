"""What pages bring along is all there, and nothing besides: scripts, stylesheets, drawings and words."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from homechat import paths, words
from homechat.accounts.models import User
from homechat.database import transaction
from tests.house import Browser, House
from tests.test_contrast import tokens

JS, CSS = paths.STATIC / "js", paths.STATIC / "css"
TRIED = Path(__file__).parent / "js"
HOMECHAT = Path(words.__file__).parent
PAGES = (
    "/",
    "/rooms",
    "/rooms/new",
    "/people",
    "/invites",
    "/me",
    "/admin",
    "/admin/audit",
    "/admin/lockdown",
)


@pytest.fixture
def page(house: House) -> str:
    """The page that somebody sees who is in."""
    return read(house.client("ada"), "/")


def read(browser: Browser, path: str) -> str:
    reply = browser.get(path)
    assert reply.status_code == 200, path
    return reply.get_data(as_text=True)


def linked(page: str, rel: str) -> list[str]:
    """Return the files below static/ that a page's <link>s of this kind name, in their order."""
    return re.findall(rf'<link rel="{rel}" href="/static/\w+/([^"]+)">', page)


def code(file: Path) -> str:
    """Return a script without its comments, which name types of other files."""
    text = re.sub(r"/\*.*?\*/", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)


def scripts() -> list[Path]:
    return sorted(JS.rglob("*.js"))


# scripts and stylesheets


def imported_by(file: Path) -> set[Path]:
    names = re.findall(r'(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"', code(file))
    return {(file.parent / name).resolve() for name in names}


def all_imports() -> set[Path]:
    """Return every module that app.js comes to import."""
    found: set[Path] = set()
    waiting = {JS / "app.js"}
    while waiting:
        file = waiting.pop()
        waiting |= imported_by(file) - found
        found |= imported_by(file)
    return found


def test_a_page_fetches_at_once_every_module_that_it_comes_to_import(page: str) -> None:
    imports = {file.relative_to(paths.STATIC).as_posix() for file in all_imports()}
    assert len(imports) > 30  # Guard: the walk got somewhere.

    preloaded = linked(page, "modulepreload")

    assert set(preloaded) == imports
    assert len(preloaded) == len(imports)
    assert re.findall(r'<script type="module" src="/static/\w+/([^"]+)">', page) == ["js/app.js"]


def test_no_script_lies_around_unused() -> None:
    assert set(scripts()) == {JS / "app.js", *all_imports()}


def test_a_page_has_every_stylesheet_once_and_the_values_first(page: str) -> None:
    sheets = linked(page, "stylesheet")

    assert sorted(sheets) == sorted(file.relative_to(paths.STATIC).as_posix() for file in CSS.rglob("*.css"))
    assert sheets[:3] == ["css/tokens.css", "css/base.css", "css/layout.css"]


def test_those_outside_get_the_same_files_as_those_inside(page: str, house: House) -> None:
    outside = read(house.client(), "/sign-in")

    for rel in ("modulepreload", "stylesheet"):
        assert linked(outside, rel) == linked(page, rel)


def imported_names(file: Path) -> set[str]:
    """Return the names that a script brings in: of `import { a, b as c } from "…"`, a and b."""
    braces = re.findall(r"\bimport\s*\{([^}]*)\}", code(file))
    return {name.split(" as ")[0].strip() for names in braces for name in names.split(",") if name.strip()}


def exported_names(file: Path) -> set[str]:
    return set(re.findall(r"^export (?:async )?(?:function|class|const|let) (\w+)", code(file), re.MULTILINE))


def test_what_a_script_exports_somebody_imports() -> None:
    imported = {name for file in scripts() for name in imported_names(file)}
    tried = {name for file in TRIED.rglob("*.js") for name in imported_names(file)}
    exported = {(file, name) for file in scripts() for name in exported_names(file)}
    assert len(exported) > 50  # Guard: they are found.

    unused = {
        (file.name, name) for file, name in exported if name not in imported | (tried & used_at_home(file))
    }

    assert unused == set()


def used_at_home(file: Path) -> set[str]:
    """Return the names that a script exports and uses itself; its tests may need such a one, and nobody else."""
    return {name for name in exported_names(file) if len(re.findall(rf"\b{name}\b", code(file))) > 1}


def test_what_a_script_imports_it_uses() -> None:
    unused = {
        (file.name, name)
        for file in scripts()
        for name in imported_names(file)
        if len(re.findall(rf"\b{name}\b", code(file))) < 2
    }

    assert unused == set()


def test_the_service_worker_is_registered_by_every_page(page: str) -> None:
    """tests/js/service-worker.test.js says where and when; this, that it happens at all."""
    assert "js/parts/service-worker.js" in linked(page, "modulepreload")
    assert re.search(r"^keepWorker\(window, page\.root\);$", code(JS / "app.js"), re.MULTILINE)


# stylesheets


def stylesheets() -> dict[str, str]:
    """Return the stylesheets by name, without their comments."""
    return {
        file.name: re.sub(r"/\*.*?\*/", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        for file in CSS.rglob("*.css")
    }


def markup() -> str:
    """Return all that can give an element a class."""
    templates = [file.read_text(encoding="utf-8") for file in paths.TEMPLATES.rglob("*.html")]
    return "\n".join([*templates, *(code(file) for file in scripts())])


def is_worn(name: str, text: str) -> bool:
    """Whether an element may have this class, as such or put together, as in `avatar--{{ size }}` with "large"."""
    if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text):
        return True
    block, _, look = name.partition("--")
    return bool(look) and f"{block}--{{{{" in text and f'"{look}"' in text


def test_no_stylesheet_speaks_of_a_class_that_nothing_has() -> None:
    text = markup()
    classes = {
        (file, name)
        for file, sheet in stylesheets().items()
        for name in re.findall(r"\.(-?[a-zA-Z_][\w-]*)", re.sub(r"\{[^{}]*\}", "{}", sheet))
    }
    assert len(classes) > 100  # Guard: they are found.

    assert {(file, name) for file, name in classes if not is_worn(name, text)} == set()


def test_every_value_of_the_stylesheets_is_used_and_every_used_one_is_there() -> None:
    sheets = "".join(stylesheets().values())
    defined = set(re.findall(r"(?<![\w.-])(--[\w-]+)\s*:", sheets))
    used = set(re.findall(r"var\((--[\w-]+)", sheets))
    set_by_scripts = {name for file in scripts() for name in re.findall(r'"(--[\w-]+)"', code(file))}
    assert len(defined) > 50  # Guard: they are found.

    assert defined - used == set()
    assert used - defined - set_by_scripts == set()


def color(token: str, theme: str) -> str:
    known = tokens(theme)
    value = known[token]
    while reference := re.fullmatch(r"var\(--([\w-]+)\)", value):
        value = known[reference[1]]
    return value


def test_the_browser_and_the_home_screen_frame_the_page_in_its_own_colours(page: str, house: House) -> None:
    light, dark = color("ground-side", "light"), color("ground-side", "dark")
    manifest = house.client().get("/manifest.webmanifest").json

    assert (manifest["theme_color"], manifest["background_color"]) == (light, color("ground", "light"))
    assert re.findall(r'<meta name="theme-color" content="([^"]+)"( media)?', page) == [
        (dark, " media"),
        (light, ""),
    ]
    for theme, only in {"dark": dark, "light": light}.items():
        house.act(choose_theme, house.id_of("ada"), theme)
        chosen = read(house.client("ada"), "/")
        assert re.findall(r'<meta name="theme-color" content="([^"]+)"', chosen) == [only]


def choose_theme(user_id: int, theme: str) -> None:
    with transaction() as session:
        session.get_one(User, user_id).theme = theme


# drawings


def drawings() -> list[str]:
    return re.findall(r'<symbol id="([^"]+)"', (paths.STATIC / "icons.svg").read_text(encoding="utf-8"))


def drawn_by_templates() -> Iterator[str]:
    for file in paths.TEMPLATES.rglob("*.html"):
        yield from re.findall(r'\bicon\("([^"]+)"', file.read_text(encoding="utf-8"))


def drawn_by_scripts() -> Iterator[str]:
    """Yield what scripts draw: by `icon()`, or by what hands a name on to it."""
    for file in scripts():
        text = code(file)
        yield from re.findall(r'\b(?:icon|button|choice)\("([^"]+)"', text)
        for table in re.findall(r"\bDRAWINGS = \{([^}]*)\}", text):
            yield from re.findall(r'"([^"]+)"', table)


def drawn_on_pages(house: House) -> Iterator[str]:
    ada = house.client("ada")
    for path in (*PAGES, f"/rooms/{house.home().id}", f"/rooms/{house.home().id}/details"):
        yield from re.findall(r'/icons\.svg#([^"]*)"', read(ada, path))


def test_every_drawing_is_there_once_and_every_one_is_used(house: House) -> None:
    used = {*drawn_by_templates(), *drawn_by_scripts(), *drawn_on_pages(house)}
    assert {"lock", "trash", "double-check", "share"} <= used  # Guard: each way of drawing is seen.

    assert sorted(used) == sorted(drawings())


def test_scripts_draw_with_nothing_but_what_is_looked_through_here() -> None:
    """Guard for the test above: whoever calls `icon` with a variable has it from one of these."""
    handed_on = {
        (file.name, argument)
        for file in scripts()
        for argument in re.findall(r"(?<!function )\bicon\(([^\")]+)\)", code(file))
    }

    assert handed_on == {
        ("menu-sheet.js", "drawing"),
        ("message-dress.js", "DRAWINGS[delivery]"),
        ("pending-bubble.js", "drawing"),
    }


# words


def carried(page: str) -> set[str]:
    """Return the keys of the texts that a page carries for its scripts."""
    found = re.search(r"data-words='([^']*)'", page)
    assert found
    return set(json.loads(html.unescape(found[1])))


def said_by(file: Path, keys: set[str]) -> set[str]:
    """Return the keys in a script: those written out, and of `message.${…}` all whose end it knows, if as a type."""
    text, types_too = code(file), file.read_text(encoding="utf-8")
    groups = "|".join({key.split(".")[0] for key in keys})
    said = {*re.findall(rf'"((?:{groups})\.\w+)"', text), *re.findall(r'\bsay\("([^"]+)"', text)}
    for group in re.findall(r"`(\w+)\.\$\{", text):
        ends = {key.removeprefix(f"{group}.") for key in keys if key.startswith(f"{group}.")}
        said |= {f"{group}.{end}" for end in ends if re.search(rf"\b{end}\b", types_too)}
    return said


def test_scripts_say_every_text_they_are_given_and_no_other(page: str) -> None:
    given = carried(page)
    assert len(given) > 20  # Guard: the page carries them.

    assert set().union(*(said_by(file, given) for file in scripts())) == given


def test_every_text_of_the_scripts_is_described(page: str) -> None:
    groups = dict(re.findall(r"^- (\w+)\.\*(.*?)(?=^- |\Z)", words.__doc__ or "", re.MULTILINE | re.DOTALL))

    for key in carried(page):
        group, name = key.split(".")
        assert f"`{name}`" in groups.get(group, ""), key


def test_the_page_has_words_for_every_reason_that_ends_a_session(page: str) -> None:
    code_below = "".join(file.read_text(encoding="utf-8") for file in HOMECHAT.rglob("*.py"))
    reasons = set(re.findall(r'\breason(?:: str)?\s?=\s?"(\w+)"', code_below))
    assert {"signed_out", "password_changed"} <= reasons  # Guard: they are found.

    assert {key.removeprefix("ended.") for key in carried(page) if key.startswith("ended.")} == reasons
    known = re.search(r"\bENDINGS = new Set\(\[([^\]]*)\]", code(JS / "elements" / "connection-pill.js"))
    assert known
    assert set(re.findall(r'"(\w+)"', known[1])) == reasons
