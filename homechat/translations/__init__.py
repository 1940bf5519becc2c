"""The catalogues of HomeChat's words, read from the .po files that translators edit: no compiled copy can go stale."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask_babel import Babel, Domain, get_locale

FOLDER = Path(__file__).parent


class CatalogueDomain(Domain):
    """Flask-Babel's domain, reading `homechat/translations/<locale>.po`."""

    def get_translations(self) -> NullTranslations:
        return catalogue(str(get_locale() or "en"))


class HouseBabel(Babel):
    """Flask-Babel with our catalogues behind every `gettext`."""

    @property
    def domain_instance(self) -> Domain:
        return CatalogueDomain()


@cache
def catalogue(locale: str) -> NullTranslations:
    """Return the words of a language; those of the code itself when there is no file for it."""
    file = FOLDER / f"{locale.split('_')[0]}.po"
    if not file.is_file():
        return NullTranslations()
    with file.open("rb") as text:
        compiled = io.BytesIO()
        write_mo(compiled, read_po(text, locale=locale))
    compiled.seek(0)
    return Translations(compiled)
