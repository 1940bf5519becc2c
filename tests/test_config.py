"""Settings: where they come from, and how a wrong one is told."""

import dataclasses
import stat
import subprocess
import sys
import threading
from pathlib import Path

import limits
import pytest

from homechat.config import ConfigError, Settings, env_name, load, prepare
from homechat.data_folder import UnsafeFolderError

KEY = "k" * 64


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refusal(environ: dict[str, str], toml: dict[str, object] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(environ, toml or {})
    return str(caught.value)


def test_defaults_need_nothing(tmp_path):
    settings = load({"HOMECHAT_DATA_DIR": str(tmp_path / "house")})
    assert settings.public_url == "http://localhost:8000"
    assert settings.database_url == f"sqlite:///{tmp_path}/house/homechat.db"
    assert settings.secret_key == ""


def test_loading_writes_nothing(tmp_path):
    load({"HOMECHAT_DATA_DIR": str(tmp_path / "house")})
    assert list(tmp_path.iterdir()) == []


def test_the_public_address_follows_the_port():
    assert load({"HOMECHAT_PORT": "9000"}, {}).public_url == "http://localhost:9000"


def test_the_environment_wins_over_the_file(tmp_path):
    file = tmp_path / "homechat.toml"
    file.write_text('port = 9000\nlog_level = "debug"\nallowed_origins = ["https://b.example"]\n')
    settings = load({"HOMECHAT_DATA_DIR": str(tmp_path), "HOMECHAT_PORT": "9001"})
    assert (settings.port, settings.log_level) == (9001, "DEBUG")
    assert settings.allowed_origins == ("https://b.example",)


def test_the_file_can_lie_elsewhere(tmp_path):
    file = tmp_path / "other.toml"
    file.write_text("port = 9000\n")
    assert load({"HOMECHAT_CONFIG_FILE": str(file)}).port == 9000
    with pytest.raises(ConfigError, match="cannot be read"):
        load({"HOMECHAT_CONFIG_FILE": str(tmp_path / "missing.toml")})


def test_an_empty_variable_counts_as_absent():
    assert load({"HOMECHAT_PORT": "", "HOMECHAT_REDIS_URL": ""}, {}).port == 8000


def test_a_secret_can_come_from_a_file(tmp_path):
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    settings = load({"HOMECHAT_SECRET_KEY_FILE": str(file)}, {})
    assert settings.secret_key == KEY
    assert settings.origins["secret_key"] == "HOMECHAT_SECRET_KEY_FILE"


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"HOMECHAT_PRT": "1"}, "HOMECHAT_PRT is not a setting of HomeChat. Did you mean HOMECHAT_PORT?"),
        ({"HOMECHAT_XYZZY": "1"}, "HOMECHAT_XYZZY is not a setting of HomeChat."),
        ({"HOMECHAT_PORT_FILE": "/x"}, "HOMECHAT_PORT_FILE is not a setting"),
        ({"HOMECHAT_PORT": "http"}, "HOMECHAT_PORT must be a whole number, not 'http'."),
        ({"HOMECHAT_PORT": "0"}, "HOMECHAT_PORT must be between 1 and 65535, not '0'."),
        ({"HOMECHAT_PORT": "٨"}, "HOMECHAT_PORT must be a whole number"),
        ({"HOMECHAT_LEGACY_XSS_HEADER": "maybe"}, "HOMECHAT_LEGACY_XSS_HEADER must be true or false"),
        ({"HOMECHAT_ASYNC_MODE": "gevent"}, "HOMECHAT_ASYNC_MODE must be eventlet or threading"),
        ({"HOMECHAT_PUBLIC_URL": "chat.example"}, "HOMECHAT_PUBLIC_URL must be a web address"),
        ({"HOMECHAT_PUBLIC_URL": "https://a:b@chat.example"}, "HOMECHAT_PUBLIC_URL must not hold a user"),
        ({"HOMECHAT_PUBLIC_URL": "https://chat.example/a b"}, "HOMECHAT_PUBLIC_URL must"),
        ({"HOMECHAT_PUBLIC_URL": "https://chat.example:99999"}, "HOMECHAT_PUBLIC_URL must be a valid web"),
        ({"HOMECHAT_PUBLIC_URL": "https://exa;mple"}, "HOMECHAT_PUBLIC_URL must name a valid host"),
        ({"HOMECHAT_ALLOWED_ORIGINS": "https://a.example/x"}, "HOMECHAT_ALLOWED_ORIGINS must end after"),
        ({"HOMECHAT_ALLOWED_ORIGINS": "*"}, "HOMECHAT_ALLOWED_ORIGINS must be a web address"),
        ({"HOMECHAT_METRICS_NETWORKS": "10.8.0.0/33"}, "HOMECHAT_METRICS_NETWORKS must be an address or a"),
        ({"HOMECHAT_METRICS_NETWORKS": "monitoring"}, "HOMECHAT_METRICS_NETWORKS must be an address or a"),
        ({"HOMECHAT_SIGN_IN_LIMIT": "often"}, "HOMECHAT_SIGN_IN_LIMIT must be a rate"),
        ({"HOMECHAT_DATABASE_URL": "sqlite:///house.db"}, "HOMECHAT_DATABASE_URL must start with sqlite"),
        ({"HOMECHAT_SECRET_KEY": "short"}, "HOMECHAT_SECRET_KEY must have at least 32 characters"),
        (
            {"HOMECHAT_SECRET_KEY": KEY, "HOMECHAT_SECRET_KEY_FILE": "/x"},
            "HOMECHAT_SECRET_KEY_FILE are both set",
        ),
        (
            {"HOMECHAT_SECRET_KEY_FILE": "/nowhere"},
            "HOMECHAT_SECRET_KEY_FILE names /nowhere, which cannot be read",
        ),
        (
            {"HOMECHAT_SESSION_DAYS": "1"},
            "HOMECHAT_SESSION_IDLE_DAYS must not be more than HOMECHAT_SESSION_DAYS",
        ),
        ({"HOMECHAT_HOST": " "}, "HOMECHAT_HOST must not be empty"),
    ],
)
def test_a_wrong_variable_is_named(environ, sentence):
    assert sentence in refusal(environ)


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ({"prot": 1}, "homechat.toml sets prot, which is not a setting of HomeChat. Did you mean port?"),
        ({"port": "8000x"}, "HOMECHAT_PORT must be a whole number"),
        ({"port": True}, "HOMECHAT_PORT must be a whole number"),
        ({"log_level": 3}, "HOMECHAT_LOG_LEVEL must be text"),
    ],
)
def test_a_wrong_line_of_the_file_is_named(toml, sentence):
    assert sentence in refusal({}, toml)


def test_networks_are_spelled_as_networks():
    settings = load({"HOMECHAT_METRICS_NETWORKS": "10.8.0.5, 172.31.7.9/28 fd00::1/64"}, {})
    assert settings.metrics_networks == ("10.8.0.5/32", "172.31.7.0/28", "fd00::/64")


def test_a_file_that_is_no_toml_is_named(tmp_path):
    (tmp_path / "homechat.toml").write_text("port: 8000\n")
    with pytest.raises(ConfigError, match=r"homechat\.toml is not valid TOML"):
        load({"HOMECHAT_DATA_DIR": str(tmp_path)})


def test_a_secret_is_never_repeated():
    secret = "redis-but-wrong://:hunter2@redis"
    assert "hunter2" not in refusal({"HOMECHAT_REDIS_URL": secret})
    settings = Settings(secret_key=KEY, redis_url="redis://:hunter2@redis")
    assert "hunter2" not in repr(settings)
    assert KEY not in repr(settings)
    shown = str(list(settings.describe()))
    assert "hunter2" not in shown
    assert KEY not in shown


def test_each_setting_is_described_with_its_origin():
    settings = load({"HOMECHAT_PORT": "9000"}, {"ping_seconds": 10})
    lines = {line.name: line for line in settings.describe()}
    assert lines["HOMECHAT_PORT"].value == "9000"
    assert lines["HOMECHAT_PORT"].origin == "HOMECHAT_PORT"
    assert lines["HOMECHAT_PING_SECONDS"].origin == "homechat.toml"
    assert lines["HOMECHAT_HOST"].origin == "default"
    assert all(line.meaning.endswith(".") for line in lines.values())
    assert set(lines) == {env_name(field.name) for field in dataclasses.fields(Settings)} - {
        "HOMECHAT_ORIGINS"
    }


@pytest.mark.parametrize(
    ("given", "public_url", "origin", "prefix"),
    [
        ("https://Chat.Example/", "https://chat.example", "https://chat.example", ""),
        ("https://chat.example:443/a/", "https://chat.example/a", "https://chat.example", "/a"),
        ("http://chat.example:80", "http://chat.example", "http://chat.example", ""),
        ("http://[::1]:8000", "http://[::1]:8000", "http://[::1]:8000", ""),
        (
            "https://bücher.example/x",
            "https://xn--bcher-kva.example/x",
            "https://xn--bcher-kva.example",
            "/x",
        ),
    ],
)
def test_the_public_address_is_spelled_as_browsers_do(given, public_url, origin, prefix):
    settings = Settings(public_url=given)
    assert (settings.public_url, settings.origin, settings.path_prefix) == (public_url, origin, prefix)


@pytest.mark.parametrize(
    ("public_url", "cookie"),
    [
        ("https://chat.example", "__Host-homechat"),
        ("http://localhost:8000", "__Host-homechat"),
        ("https://chat.example/chat", "__Secure-homechat"),
        ("http://192.168.1.5:8000", "homechat"),
        ("http://localhost.example", "homechat"),
    ],
)
def test_the_session_cookie_has_the_strictest_name_that_works(public_url, cookie):
    assert Settings(public_url=public_url).session_cookie_name == cookie


def test_every_rate_is_one_that_the_limiter_understands():
    settings = Settings()
    for field in dataclasses.fields(Settings):
        if field.metadata.get("unit") == "rate":
            assert limits.parse(getattr(settings, field.name)).amount > 0


def test_settings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().port = 1


def test_settings_need_no_flask():
    code = "import sys, homechat.config; sys.exit('flask' in sys.modules or 'sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_preparing_makes_a_private_folder_and_a_key(tmp_path):
    settings = prepare(Settings(data_dir=tmp_path / "new" / "house"))
    key_file = settings.data_dir / "secrets" / "secret_key"
    assert len(bytes.fromhex(settings.secret_key)) == 32
    assert (mode(settings.data_dir), mode(key_file.parent), mode(key_file)) == (0o700, 0o700, 0o600)
    assert prepare(Settings(data_dir=settings.data_dir)).secret_key == settings.secret_key
    assert load({"HOMECHAT_DATA_DIR": str(settings.data_dir)}).secret_key == settings.secret_key


def test_two_first_starts_at_once_end_with_one_key(tmp_path):
    keys = []
    threads = [
        threading.Thread(
            target=lambda: keys.append(prepare(Settings(data_dir=tmp_path / "house")).secret_key)
        )
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 20
    assert len(set(keys)) == 1


def test_a_given_key_is_not_written_down(tmp_path):
    prepare(Settings(data_dir=tmp_path / "house", secret_key=KEY, encryption_key=KEY))
    assert list((tmp_path / "house" / "secrets").iterdir()) == []


def test_a_key_that_others_could_guess_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="HOMECHAT_ENCRYPTION_KEY must have at least 32 characters"):
        Settings(data_dir=tmp_path, encryption_key=f"{KEY} short")


@pytest.mark.parametrize("name", ["homechat.db", "homechat.db-wal", "secrets/secret_key"])
def test_a_file_that_others_can_read_stops_the_start(tmp_path, name):
    data_dir = prepare(Settings(data_dir=tmp_path / "house")).data_dir
    (data_dir / name).touch()
    (data_dir / name).chmod(0o644)
    with pytest.raises(UnsafeFolderError, match=f"can read .*{name}"):
        prepare(Settings(data_dir=data_dir))


def test_a_folder_that_others_can_enter_stops_the_start(tmp_path):
    data_dir = prepare(Settings(data_dir=tmp_path / "house")).data_dir
    data_dir.chmod(0o755)
    with pytest.raises(UnsafeFolderError, match="chmod 700"):
        prepare(Settings(data_dir=data_dir))


def test_an_empty_folder_of_our_own_is_closed_without_asking(tmp_path):
    data_dir = tmp_path / "house"
    data_dir.mkdir(mode=0o755)
    prepare(Settings(data_dir=data_dir))
    assert mode(data_dir) == 0o700


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UnsafeFolderError, match="HOMECHAT_DATA_DIR"):
        prepare(Settings(data_dir=tmp_path / "file" / "house"))
