"""Every text of HomeChat that is to be translated, and bringing the catalogues in step with them (`bin/catalogues`)."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po, write_po

from homechat.translations import FOLDER

ROOT = Path(__file__).resolve().parent.parent
KEYWORDS = {
    **DEFAULT_KEYWORDS,
    "lazy_gettext": None,
    "lazy_ngettext": (1, 2),
    "_plural": (1, 2),  # homechat/words.py
}
WIDTH = 110


def extracted() -> Catalog:
    """Return a catalogue of every text in the code and the templates, each with the files that it is from."""
    catalogue = _empty(None)
    with (ROOT / "babel.cfg").open(encoding="utf-8") as mapping:
        methods, options = parse_mapping_cfg(mapping, filename="babel.cfg")
    for file, _line, message, _comments, context in extract_from_dir(
        ROOT, methods, options, keywords=KEYWORDS
    ):
        catalogue.add(message, locations=[(file, None)], context=context)
    return catalogue


def translated(locale: str) -> Catalog:
    """Return the catalogue of a language as it is in its file, with what is obsolete in it."""
    with _file(locale).open("rb") as file:
        return read_po(file, locale=locale)


def update(locale: str) -> str:
    """Put new texts into a language's catalogue, empty, and take those out that are gone; say how it stands."""
    catalogue = translated(locale) if _file(locale).exists() else _empty(locale)
    catalogue.update(extracted(), no_fuzzy_matching=True, update_creation_date=False)
    with _file(locale).open("wb") as file:
        write_po(file, catalogue, width=WIDTH, include_lineno=False, sort_by_file=True, ignore_obsolete=True)
    missing = sum(1 for message in catalogue if message.id and not is_complete(message.string))
    return f"{_file(locale).name}: {len(catalogue)} texts, {missing} to be translated"


def is_complete(string: str | tuple[str, ...] | list[str]) -> bool:
    """Whether a translation says something in each of its forms."""
    return bool(string) and all(string if isinstance(string, tuple | list) else [string])


def languages() -> list[str]:
    """Return the languages that have a catalogue."""
    return sorted(file.stem for file in FOLDER.glob("*.po"))


def _empty(locale: str | None) -> Catalog:
    name = f"{Locale.parse(locale).english_name} words of HomeChat." if locale else "The words of HomeChat."
    return Catalog(
        locale=locale,
        project="HomeChat",
        version="0.1",
        header_comment=f"# {name} Edit only msgstr; bin/catalogues does the rest.",
        msgid_bugs_address="the HomeChat project",
        last_translator="the HomeChat project",
        language_team="the HomeChat project",
        revision_date=datetime.now(UTC),
        charset="utf-8",
        fuzzy=False,
    )


def _file(locale: str) -> Path:
    return FOLDER / f"{locale}.po"


if __name__ == "__main__":
    for each in sys.argv[1:] or languages():
        print(update(each))  # noqa: T201
