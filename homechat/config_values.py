"""Read one setting's text into its value, or say what is wrong with it. Pure; knows no setting by name.

Every function returns the checked value, or raises ValueError with the end of a sentence: "must be a number".
"""

import re
from ipaddress import ip_network
from urllib.parse import SplitResult, urlsplit

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
_LIMIT = re.compile(r"[1-9]\d*/([1-9]\d* )?(second|minute|hour|day)s?")


def switch(value: object) -> bool:
    """Return a yes-or-no value: a TOML boolean, or one of true/false, yes/no, on/off, 1/0."""
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    if text in _TRUE | _FALSE:
        return text in _TRUE
    raise ValueError("must be true or false")


def whole_number(value: object) -> int:
    """Return an int. Underscores may group digits, as in 1_048_576."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(_\d+)*", value, re.ASCII):
        return int(value)
    raise ValueError("must be a whole number")


def number(value: object) -> float:
    """Return a finite float; exponents and the like are refused as slips."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d+)?", value, re.ASCII):
        return float(value)
    raise ValueError("must be a number")


def text(value: object) -> str:
    """Return one line of text."""
    if not isinstance(value, str):
        raise ValueError("must be text")
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise ValueError("must not hold line breaks or control characters")
    return value


def texts(value: object) -> tuple[str, ...]:
    """Return a tuple of texts: a TOML list, or words separated by commas or blanks."""
    if isinstance(value, str):
        return tuple(word for word in re.split(r"[,\s]+", value) if word)
    if isinstance(value, list | tuple):
        return tuple(text(word) for word in value)
    raise ValueError("must be a list of texts")


def rate(value: str) -> str:
    """Return a limit as Flask-Limiter and `limits` read it: "5/20 seconds", "20/minute"."""
    if not _LIMIT.fullmatch(value):
        raise ValueError('must be a rate such as "5/20 seconds" or "20/minute"')
    return value


def web_address(value: str) -> str:
    """Return a public address as browsers spell it, without a trailing slash; it may hold a path prefix."""
    parts = _split(value)
    path = parts.path.rstrip("/")
    if not _PATH.fullmatch(path):
        raise ValueError("must have a plain path: letters, digits and . _ ~ - between slashes")
    return f"{parts.scheme.lower()}://{_authority(parts)}{path}"


def web_origin(value: str) -> str:
    """Return an origin (scheme, host and port, nothing more) in the spelling of the Origin header."""
    parts = _split(value)
    if parts.path not in ("", "/"):
        raise ValueError("must end after the host and port")
    return f"{parts.scheme.lower()}://{_authority(parts)}"


def network(value: str) -> str:
    """Return a network, or the one of a single address, as 10.8.0.0/24 or fd00::/64."""
    try:
        return str(ip_network(value, strict=False))
    except ValueError:
        raise ValueError("must be an address or a network such as 10.8.0.0/24") from None


def database_address(value: str) -> str:
    """Return a SQLAlchemy address of a SQLite file (an absolute path) or of PostgreSQL."""
    if not re.match(r"sqlite:////.|postgresql(\+psycopg2)?://.", value):
        raise ValueError("must start with sqlite:/// and an absolute path, or with postgresql://")
    # Without a name SQLAlchemy takes psycopg 3, which blocks the event loop and is not installed.
    return re.sub(r"^postgresql:", "postgresql+psycopg2:", value)


def redis_address(value: str) -> str:
    """Return an address that redis-py understands."""
    if not re.match(r"(rediss?|unix)://.", value):
        raise ValueError("must start with redis://, rediss:// or unix://")
    return value


def _split(value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError("must be a valid web address") from None
    if parts.scheme.lower() not in _DEFAULT_PORTS or not parts.hostname or port == 0 or " " in value:
        raise ValueError("must be a web address that starts with http:// or https://")
    if "@" in parts.netloc or "?" in value or "#" in value:
        raise ValueError("must not hold a user name, a query or a fragment")
    return parts


def _authority(parts: SplitResult) -> str:
    """Host and port as in the Origin header: lower case, IDNA, brackets round IPv6, no default port."""
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    else:
        try:
            host = host.encode("idna").decode("ascii").lower()
        except UnicodeError:
            raise ValueError("must name a valid host") from None
        if not _HOST.fullmatch(host):
            raise ValueError("must name a valid host")
    if parts.port and parts.port != _DEFAULT_PORTS[parts.scheme.lower()]:
        return f"{host}:{parts.port}"
    return host
