"""The settings of one HomeChat: frozen, typed, each with its default, unit and meaning.

`load()` reads them from HOMECHAT_* variables, from files named by HOMECHAT_*_FILE (secrets only) and from an
optional TOML file; it changes nothing on disk. `prepare()` makes the data folder and the secret key, for
whoever is about to serve or to migrate. An unknown or malformed setting stops the start with a sentence.
"""

import difflib
import hashlib
import hmac
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from homechat import config_values as values
from homechat import data_folder, paths, written_keys
from homechat.config_fields import PREFIX, CannotStartError, ConfigError, checked, env_name, setting, shown

API_PREFIX = "/api/v1"
CONFIG_FILE = "HOMECHAT_CONFIG_FILE"
SECRET_KEY_CHARACTERS_MIN = data_folder.KEY_CHARACTERS_MIN
# Read by compose.yaml and by the tests; a shell may carry them along.
_READ_BY_OTHERS = ("HOMECHAT_DOMAIN", "HOMECHAT_TEST_")


__all__ = [
    "API_PREFIX",
    "CannotStartError",
    "ConfigError",
    "Settings",
    "Shown",
    "ensure_data_folder",
    "env_name",
    "load",
    "prepare",
]


class Shown(NamedTuple):
    """One line of `flask config show`."""

    name: str
    value: str
    origin: str
    unit: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that can be set from outside.

    Made by `load()`, or directly in tests: `Settings(data_dir=…, secret_key=…)`. Both check every value.
    """

    data_dir: Path = setting(  # noqa: RUF009
        paths.default_data_dir,
        "Folder of the database and the secrets.",
        shown_default="`data` in the checkout",
    )
    host: str = setting("127.0.0.1", "Address to listen on.")
    port: int = setting(8000, "Port to listen on.", at_least=1, at_most=65535)
    public_url: str = setting(
        "",
        "Address that people type into their browsers; may end in a path when HomeChat lives below one.",
        check=values.web_address,
        shown_default="http://localhost:<port>",
    )
    database_url: str = setting(
        "",
        "Where the data is kept: SQLite or PostgreSQL.",
        check=values.database_address,
        secret=True,
        shown_default="`homechat.db` in the data folder",
    )
    redis_url: str = setting(
        "",
        "Redis by which the servers of a house tell each other.",
        check=values.redis_address,
        secret=True,
        shown_default="none",
    )
    secret_key: str = setting(
        "",
        "Signs forms and links; all servers of a house have the same.",
        secret=True,
        shown_default="made once, in the data folder",
    )
    encryption_key: str = setting(
        "",
        "Encrypts 2FA secrets in the database; older ones after it, with spaces between, still decrypt.",
        secret=True,
        shown_default="made once, in the data folder",
    )
    backup_key: str = setting(
        "",
        "Encrypts backups, as `flask backup key` prints it; older ones after it, with spaces between, still decrypt.",
        check=written_keys.checked,
        secret=True,
        shown_default="made with the first backup, in the data folder",
    )
    async_mode: str = setting("eventlet", "How requests run side by side.", choices=("eventlet", "threading"))
    environment: str = setting("production", "What this house is for.", choices=("production", "development"))
    trusted_proxy_count: int = setting(
        0,
        "Reverse proxies in front whose X-Forwarded-* headers are believed.",
        unit="proxies",
        at_least=0,
        at_most=5,
    )
    allowed_origins: tuple[str, ...] = setting(
        (),
        "Further web origins whose pages may connect, besides the public address.",
        check=values.web_origin,
    )
    cors_origins: tuple[str, ...] = setting(
        (),
        "Origins of other web sites whose pages may use the API from within a browser, with a token.",
        check=values.web_origin,
    )
    metrics_networks: tuple[str, ...] = setting(
        (),
        "Networks from which `/metrics` is read without a token, by who comes straight and not through a proxy.",
        check=values.network,
    )
    log_level: str = setting(
        "INFO", "Least urgent log lines that are written.", choices=("DEBUG", "INFO", "WARNING", "ERROR")
    )
    legacy_xss_header: bool = setting(True, "Send X-XSS-Protection: 1; mode=block rather than 0.")

    max_connections: int = setting(
        4096, "Open connections at most, over all people.", unit="connections", at_least=16, at_most=100_000
    )
    sockets_per_person: int = setting(
        20, "Live connections of one person.", unit="sockets", at_least=1, at_most=1000
    )
    anonymous_sockets_per_address: int = setting(
        20, "Connections of one address that have not signed in.", unit="sockets", at_least=1, at_most=10_000
    )
    packet_bytes: int = setting(
        160_000, "Largest packet on a live connection.", unit="bytes", at_least=65_536, at_most=1_000_000
    )
    request_bytes: int = setting(
        1_048_576, "Largest body of a request.", unit="bytes", at_least=65_536, at_most=104_857_600
    )
    request_seconds: int = setting(
        30,
        "A client that sends nothing for this long is dropped; so is a body that is not all there by then.",
        unit="seconds",
        at_least=1,
        at_most=600,
    )
    upload_bytes: int = setting(
        10_485_760, "Largest file that is shared.", unit="bytes", at_least=65_536, at_most=104_857_600
    )
    upload_request_bytes: int = setting(
        104_857_600,
        "Largest body of a request with files in it.",
        unit="bytes",
        at_least=65_536,
        at_most=1_073_741_824,
    )
    upload_seconds: int = setting(
        300,
        "A request with files is all there by then, or dropped.",
        unit="seconds",
        at_least=10,
        at_most=3600,
    )
    upload_quota_bytes: int = setting(
        1_000_000_000,
        "What the files of one person may have together, and twice that with what was deleted today.",
        unit="bytes",
        at_least=1_000_000,
        at_most=1_000_000_000_000,
    )
    upload_quota_files: int = setting(
        5000, "Files of one person.", unit="files", at_least=10, at_most=1_000_000
    )
    disk_free_percent: int = setting(
        10, "While less of the disk is free, no file is taken.", unit="%", at_least=0, at_most=99
    )
    message_characters: int = setting(
        10_000, "Longest message.", unit="characters", at_least=100, at_most=10_000
    )
    messages_per_minute: int = setting(
        60, "Messages of one person over all doors.", unit="messages a minute", at_least=1, at_most=10_000
    )
    sign_in_limit: str = setting(
        "5/20 seconds", "Sign-in attempts per address and account name.", unit="rate", check=values.rate
    )
    sign_in_address_limit: str = setting(
        "20/minute", "Sign-in attempts per address.", unit="rate", check=values.rate
    )
    sign_up_limit: str = setting(
        "5/minute", "Uses of invitations per address.", unit="rate", check=values.rate
    )
    api_limit: str = setting(
        "300/5 minutes",
        "Requests of one API token; without a token, of one address.",
        unit="rate",
        check=values.rate,
    )
    webhook_limit: str = setting("60/minute", "Calls of one bot's webhook.", unit="rate", check=values.rate)
    upload_limit: str = setting("60/minute", "Files of one person.", unit="rate", check=values.rate)
    page_limit: str = setting(
        "1200/minute",
        "Requests for pages per address, a whole family's at once.",
        unit="rate",
        check=values.rate,
    )

    session_idle_days: int = setting(
        30, "A device unused for this long is signed out.", unit="days", at_least=1, at_most=3650
    )
    session_days: int = setting(
        365, "A device signs in anew after this long.", unit="days", at_least=1, at_most=3650
    )
    admin_session_idle_days: int = setting(
        14, "As session_idle_days, for admins.", unit="days", at_least=1, at_most=3650
    )
    admin_session_days: int = setting(
        30, "As session_days, for admins.", unit="days", at_least=1, at_most=3650
    )
    strict_sessions: bool = setting(False, "Sign everybody out after 15 idle minutes and after 8 hours.")
    totp_drift_steps: int = setting(
        1,
        "How many codes of 30 seconds before and after the present one are taken, for clocks that differ.",
        unit="codes",
        at_least=0,
        at_most=1,
    )
    password_characters_min: int = setting(8, "Shortest password.", unit="characters", at_least=8, at_most=64)
    password_characters_max: int = setting(
        128, "Longest password.", unit="characters", at_least=64, at_most=1024
    )
    ping_seconds: int = setting(
        20,
        "How often a live connection is asked whether it is still there.",
        unit="seconds",
        at_least=1,
        at_most=120,
    )
    epoch_poll_seconds: float = setting(
        0.5,
        "How often the server looks for changes made by other processes.",
        unit="seconds",
        at_least=0.05,
        at_most=5,
    )

    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """Where each value that is not a default came from, by field name; for `describe()`."""

    def __post_init__(self) -> None:
        self._put("data_dir", Path(os.path.abspath(Path(self.data_dir).expanduser())))
        for spec in _specs():
            self._put(spec.name, checked(spec, getattr(self, spec.name)))
        if not self.public_url:
            self._put("public_url", f"http://localhost:{self.port}")
        if not self.database_url:
            self._put("database_url", f"sqlite:///{self.data_dir / 'homechat.db'}")
        if any(len(key) < SECRET_KEY_CHARACTERS_MIN for key in self.encryption_key.split()):
            raise ConfigError(
                f"Each key of {env_name('encryption_key')} must have at least {SECRET_KEY_CHARACTERS_MIN} "
                "characters. Leave it out and HomeChat makes one."
            )
        for smaller, larger in _ORDERED_PAIRS:
            if getattr(self, smaller) > getattr(self, larger):
                raise ConfigError(f"{env_name(smaller)} must not be more than {env_name(larger)}.")

    def _put(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    @property
    def origin(self) -> str:
        """Scheme, host and port of the public address, spelled as in a browser's Origin header."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def path_prefix(self) -> str:
        """Path of the public address: "" or "/chat"."""
        return urlsplit(self.public_url).path

    @property
    def api_url(self) -> str:
        """Where the API is, for the world: every address of it begins so."""
        return self.public_url + API_PREFIX

    @property
    def is_https(self) -> bool:
        """True when people reach the house over HTTPS."""
        return self.public_url.startswith("https://")

    @property
    def is_secure_context(self) -> bool:
        """True when browsers store `Secure` cookies of ours: under HTTPS, or on this very machine."""
        host = urlsplit(self.public_url).hostname or ""
        return self.is_https or host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")

    @property
    def session_cookie_name(self) -> str:
        """Name of the sign-in cookie; the prefixes demand `Secure`, `__Host-` also `Path=/` (RFC 6265bis)."""
        if not self.is_secure_context:
            return "homechat"
        return "__Secure-homechat" if self.path_prefix else "__Host-homechat"

    @property
    def redis_name(self) -> str:
        """What begins all that is ours in a Redis, which other houses may use, too.

        Made of the secret key, which the servers of one house share. (The number of a Redis database keeps keys apart,
        but not what is published.)
        """
        digest = hmac.new(self.secret_key.encode(), b"redis", hashlib.sha256).hexdigest()
        return f"homechat:{digest[:32]}"

    @property
    def sqlite_file(self) -> Path | None:
        """The database file, or None when the data is not in SQLite."""
        if not self.database_url.startswith("sqlite:"):
            return None
        return Path(self.database_url.removeprefix("sqlite:///").partition("?")[0])

    def describe(self) -> Iterator[Shown]:
        """Yield each setting: its effective value, where that came from, unit and meaning; secrets masked."""
        for spec in _specs():
            yield Shown(
                name=env_name(spec.name),
                value=shown(spec, getattr(self, spec.name)),
                origin=self.origins.get(spec.name, "default"),
                unit=spec.metadata["unit"],
                meaning=spec.metadata["meaning"],
            )


_ORDERED_PAIRS = (
    ("session_idle_days", "session_days"),
    ("admin_session_idle_days", "admin_session_days"),
    ("password_characters_min", "password_characters_max"),
)


def load(environ: Mapping[str, str] | None = None, toml: Mapping[str, object] | None = None) -> Settings:
    """Return the effective settings: environment first, then the TOML file, then the defaults.

    environ: variables in place of the process's own.  toml: the file's content, in place of reading one.
    The secret key is empty when none is set and none was generated yet. An empty variable counts as absent.
    Raises ConfigError for anything unknown, malformed, out of range, given twice or unreadable.
    """
    environ = os.environ if environ is None else environ
    given, origins = _from_environment(environ)
    if toml is None:
        toml_file = _toml_file(environ, given)
        toml = _read_toml(toml_file) if toml_file else {}
        toml_name = str(toml_file)
    else:
        toml_name = "homechat.toml"
    for key, value in toml.items():
        if key not in _spec_by_name():
            raise ConfigError(
                f"{toml_name} sets {key}, which is not a setting of HomeChat.{_hint(key, _spec_by_name())}"
            )
        if key not in given:
            given[key], origins[key] = value, toml_name
    _add_generated_secret_key(given, origins)
    return Settings(**given, origins=origins)


def prepare(settings: Settings) -> Settings:
    """Make the data folder ready to be written to; return the settings with the secret key in them.

    For whoever is about to serve or to migrate. Every file it makes from here on is private to its user.
    Raises CannotStartError if the folder cannot be used or is open to others.
    """
    os.umask(0o077)
    ensure_data_folder(settings)
    if settings.secret_key:
        return settings
    given: dict[str, Any] = {"data_dir": settings.data_dir}
    origins = dict(settings.origins)
    _add_generated_secret_key(given, origins)
    return replace(settings, secret_key=given["secret_key"], origins=origins)


def ensure_data_folder(settings: Settings) -> None:
    """Make the data folder (0700) and its keys (0600) if absent. Raises as `prepare` does."""
    data_folder.ensure(
        settings.data_dir,
        database=settings.sqlite_file,
        wants_secret_key=not settings.secret_key,
        wants_encryption_key=not settings.encryption_key,
    )


def _specs() -> list[Field[Any]]:
    return [spec for spec in fields(Settings) if spec.name != "origins"]


def _spec_by_name() -> dict[str, Field[Any]]:
    return {spec.name: spec for spec in _specs()}


def _from_environment(environ: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    names = {env_name(spec.name): spec for spec in _specs()}
    files = {f"{name}_FILE": spec for name, spec in names.items() if spec.metadata["secret"]}
    given: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        if not environ[variable] or variable == CONFIG_FILE or variable.startswith(_READ_BY_OTHERS):
            continue
        spec = names.get(variable) or files.get(variable)
        if spec is None:
            raise ConfigError(
                f"{variable} is not a setting of HomeChat.{_hint(variable, [*names, *files, CONFIG_FILE])}"
            )
        if spec.name in given:
            raise ConfigError(
                f"{env_name(spec.name)} and {env_name(spec.name)}_FILE are both set; keep one of them."
            )
        value = environ[variable]
        given[spec.name] = _read_secret(variable, Path(value)) if variable in files else value.strip()
        origins[spec.name] = variable
    return given, origins


def _hint(name: str, known: Any) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]}?" if near else ""


def _read_secret(variable: str, file: Path) -> str:
    try:
        secret = file.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"{variable} names {file}, which cannot be read: {reason}.") from None
    if not secret:
        raise ConfigError(f"{variable} names {file}, which is empty.")
    return secret


def _toml_file(environ: Mapping[str, str], given: Mapping[str, Any]) -> Path | None:
    """The file named by HOMECHAT_CONFIG_FILE, which must exist, else the data folder's own, if any."""
    if environ.get(CONFIG_FILE):
        return Path(environ[CONFIG_FILE]).expanduser()
    data_dir = Path(given.get("data_dir") or paths.default_data_dir()).expanduser()
    file = data_dir / "homechat.toml"
    return file if file.exists() else None


def _read_toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"The settings file {file} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The settings file {file} is not valid TOML: {error}.") from None


def _add_generated_secret_key(given: dict[str, Any], origins: dict[str, str]) -> None:
    if given.get("secret_key"):
        if len(str(given["secret_key"])) < SECRET_KEY_CHARACTERS_MIN:
            raise ConfigError(
                f"{env_name('secret_key')} must have at least {SECRET_KEY_CHARACTERS_MIN} characters. "
                "Leave it out and HomeChat makes one."
            )
        return
    file = data_folder.secret_key_file(Path(given.get("data_dir") or paths.default_data_dir()).expanduser())
    if not file.exists():
        return
    try:
        given["secret_key"] = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"The secret key in {file} cannot be read by this user.") from None
    if len(given["secret_key"]) < SECRET_KEY_CHARACTERS_MIN:
        raise ConfigError(
            f"The secret key in {file} is damaged. Restore it from a backup, or delete it to get a new one."
        )
    origins["secret_key"] = str(file)
