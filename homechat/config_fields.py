"""What a field of `Settings` carries (default, unit, meaning, range); how its value is checked and shown."""

from collections.abc import Callable
from dataclasses import Field, field
from pathlib import Path
from typing import Any

from homechat import config_values as values

PREFIX = "HOMECHAT_"


class CannotStartError(Exception):
    """Why HomeChat does not start, in a sentence for whoever runs the house."""


class ConfigError(CannotStartError):
    """A setting is unknown, malformed or does not fit this machine."""


def setting(
    default: Any,
    meaning: str,
    *,
    unit: str = "",
    at_least: float | None = None,
    at_most: float | None = None,
    choices: tuple[str, ...] = (),
    check: Callable[[str], str] | None = None,
    secret: bool = False,
    shown_default: str = "",
) -> Any:
    """Return a dataclass field that carries what `load`, `describe` and the documents need to know of it."""
    facts = {
        "meaning": meaning,
        "unit": unit,
        "at_least": at_least,
        "at_most": at_most,
        "choices": choices,
        "check": check,
        "secret": secret,
        "shown_default": shown_default,
    }
    if callable(default):
        return field(default_factory=default, metadata=facts, repr=not secret)
    return field(default=default, metadata=facts, repr=not secret)


def env_name(name: str) -> str:
    """Return the variable of a field: `port` → `HOMECHAT_PORT`."""
    return PREFIX + name.upper()


_READERS: dict[object, Callable[[object], Any]] = {
    bool: values.switch,
    int: values.whole_number,
    float: values.number,
    str: values.text,
    tuple[str, ...]: values.texts,
    Path: lambda value: Path(str(value)),
}


def checked(spec: Field[Any], value: object) -> Any:
    """Return `value` in the field's type and range, or raise a ConfigError that names the setting."""
    facts = spec.metadata
    if value == "" and spec.default == "":
        return value
    try:
        result = _READERS[spec.type](value)
        if facts["check"]:
            result = (
                tuple(map(facts["check"], result)) if isinstance(result, tuple) else facts["check"](result)
            )
        if facts["choices"]:
            result = _choice(result, facts["choices"])
        if facts["at_least"] is not None and not facts["at_least"] <= result <= facts["at_most"]:
            raise ValueError(f"must be between {facts['at_least']} and {facts['at_most']}")
    except ValueError as error:
        instead = "" if facts["secret"] else f", not {value!r}"
        raise ConfigError(f"{env_name(spec.name)} {error}{instead}.") from None
    if result == "":
        raise ConfigError(f"{env_name(spec.name)} must not be empty.")
    return result


def _choice(value: str, choices: tuple[str, ...]) -> str:
    for choice in choices:
        if value.lower() == choice.lower():
            return choice
    raise ValueError(f"must be {' or '.join(choices)}")


def shown(spec: Field[Any], value: Any) -> str:
    """Return `value` as `flask config show` prints it; a secret is never in it."""
    if str(value).startswith("sqlite:"):
        return str(value)  # a path, not a password
    if spec.metadata["secret"]:
        return "(set)" if value else "(not set)"
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
