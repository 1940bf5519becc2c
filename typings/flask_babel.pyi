"""What HomeChat uses of Flask-Babel, which ships no types."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import tzinfo
from typing import Any

from babel import Locale
from babel.support import NullTranslations
from flask import Flask

class Domain:
    def get_translations(self) -> NullTranslations: ...

class Babel:
    @property
    def domain_instance(self) -> Domain: ...
    def init_app(
        self,
        app: Flask,
        *,
        locale_selector: Callable[[], str] | None = ...,
        timezone_selector: Callable[[], str] | None = ...,
    ) -> None: ...

def force_locale(locale: str) -> AbstractContextManager[None]: ...
def get_timezone() -> tzinfo | None: ...
def get_locale() -> Locale | None: ...
def gettext(string: str, /, **variables: Any) -> str: ...
def lazy_gettext(string: str, /, **variables: Any) -> str: ...
def ngettext(singular: str, plural: str, num: int, /, **variables: Any) -> str: ...
