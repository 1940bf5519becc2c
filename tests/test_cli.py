"""The operator's commands: `flask …` on the box itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result

from homechat import settings
from homechat.accounts.models import LoginSession, Standing, User
from homechat.database import transaction
from homechat.rooms.models import Membership
from tests.conftest import GENEROUS_LIMITS, close
from tests.house import PASSWORD, House, copy_house
from tests.server_process import ServerProcess, prepare_house, run_flask
from tests.talkers import Talker


def flask(house: House, *arguments: str, text: str = "") -> Result:
    """Run a command in this process; what it prints to stderr is kept apart."""
    return house.app.test_cli_runner().invoke(args=arguments, input=text)


def said(result: Result) -> str:
    """Return what a command that went well has printed."""
    assert result.exit_code == 0, result.output
    return str(result.stdout)


def refused(result: Result) -> str:
    """Return why a command did nothing."""
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    found = re.search(r"^Error: (.*)$", result.stderr, re.MULTILINE)
    assert found, result.stderr
    return found[1]


# where there is no house

COMMANDS = {
    "setup-link": ["setup-link"],
    "user create": ["user", "create", "nora", "--role", "admin", "--password-stdin"],
    "user list": ["user", "list"],
    "user role": ["user", "role", "ben", "guest"],
    "user sign-out": ["user", "sign-out", "ben"],
    **{
        f"user {name}": ["user", name, "ben"]
        for name in ("show", "lock", "unlock", "approve", "refuse", "reset", "reset-2fa")
    },
    "invite create": ["invite", "create"],
    "invite list": ["invite", "list"],
    "invite revoke": ["invite", "revoke", "1"],
    "token create": ["token", "create", "ben", "--name", "A script", "--scope", "messages:read"],
    "token list": ["token", "list"],
    "token revoke": ["token", "revoke", "1"],
    "token rotate": ["token", "rotate", "1"],
    "bot create": ["bot", "create", "ben", "--name", "Lights"],
    "bot list": ["bot", "list"],
    **{f"bot {name}": ["bot", name, "1"] for name in ("show", "activate", "deactivate", "rotate", "delete")},
    "secrets rotate": ["secrets", "rotate"],
    "house show": ["house", "show"],
    "house set": ["house", "set", "house_name", "The Harbour"],
    "audit verify": ["audit", "verify"],
    "audit list": ["audit", "list"],
    "audit tail": ["audit", "tail"],
    "audit export": ["audit", "export"],
    "audit prune": ["audit", "prune"],
    "backup create": ["backup", "create"],
    "backup list": ["backup", "list"],
    "backup verify": ["backup", "verify", "20261121T000000Z-0123456789ab"],
    "backup test-restore": ["backup", "test-restore", "20261121T000000Z-0123456789ab"],
    "backup key": ["backup", "key"],
    "lockdown tokens": ["lockdown", "tokens"],
    "lockdown users": ["lockdown", "users"],
    "lockdown admin-only": ["lockdown", "admin-only"],
    "lockdown all": ["lockdown", "all"],
    "lockdown sessions": ["lockdown", "sessions"],
    "lockdown status": ["lockdown", "status"],
    "lockdown lift": ["lockdown", "lift"],
    "lockdown drill": ["lockdown", "drill"],
    "db upgrade": ["db", "upgrade"],
    "db current": ["db", "current"],
    "db check": ["db", "check"],
}
MAKES_OR_NEEDS_NO_HOUSE = {"prepare", "config show", "backup restore"}
OF_THE_FRAMEWORK = {"routes", "run", "shell", "db"}


def test_every_command_is_tried_on_an_empty_folder(house: House) -> None:
    names = set()
    for name, command in house.app.cli.commands.items():
        parts = getattr(command, "commands", None)
        names |= {f"{name} {part}" for part in parts} if parts else {name}
    ours = {name for name in names if name.split()[0] not in OF_THE_FRAMEWORK}
    assert ours == {name for name in COMMANDS if not name.startswith("db ")} | MAKES_OR_NEEDS_NO_HOUSE


@pytest.mark.parametrize("command", COMMANDS)
def test_on_an_empty_folder_a_command_says_so_and_makes_nothing(tmp_path: Path, command: str) -> None:
    folder = tmp_path / "wrong place"
    folder.mkdir()

    result = run_flask(folder, *COMMANDS[command], text=PASSWORD)

    assert result.returncode == 1
    assert f"There is no house at {folder}/homechat.db." in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert list(folder.iterdir()) == []


def test_a_folder_that_does_not_exist_is_not_made_either(tmp_path: Path) -> None:
    folder = tmp_path / "nowhere"
    assert run_flask(folder, "user", "list").returncode == 1
    assert run_flask(folder, "config", "show").returncode == 0
    assert not folder.exists()


def test_in_a_database_without_tables_a_command_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "homechat.db").touch(mode=0o600)
    house = House(tmp_path)
    sentence = f"The database of {tmp_path}/homechat.db is empty. Make its tables with: flask prepare"
    assert refused(flask(house, "user", "list")) == sentence
    close(house)


@pytest.mark.parametrize("command", [["user", "list"], ["prepare"]])
def test_a_database_that_does_not_answer_is_named_without_its_password(
    tmp_path: Path, command: list[str]
) -> None:
    url = "postgresql://ada:hunter2@127.0.0.1:1/house"
    result = run_flask(tmp_path / "data", *command, env={"HOMECHAT_DATABASE_URL": url})
    assert result.returncode == 1
    assert "@127.0.0.1:1/house does not answer. Check HOMECHAT_DATABASE_URL" in result.stderr
    assert "Traceback" not in result.stderr
    assert "hunter2" not in result.stdout + result.stderr


def test_prepare_makes_a_house_that_is_private_and_changes_nothing_the_second_time(tmp_path: Path) -> None:
    folder = tmp_path / "data"

    first = run_flask(folder, "prepare")

    assert first.returncode == 0, first.stderr
    assert first.stdout == f"House: {folder}/homechat.db\n"
    modes = {path.relative_to(folder).as_posix(): path.stat().st_mode & 0o777 for path in folder.rglob("*")}
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    assert modes.pop("secrets") == 0o700
    assert {"homechat.db", "secrets/secret_key"} <= set(modes)
    assert set(modes.values()) == {0o600}
    assert run_flask(folder, "prepare").returncode == 0
    assert files["homechat.db"] == (folder / "homechat.db").read_bytes()
    assert files["secrets/secret_key"] == (folder / "secrets" / "secret_key").read_bytes()


# each command names the house


@pytest.mark.parametrize("arguments", [["user", "list"], ["user", "sign-out", "ben"], ["audit", "verify"]])
def test_a_command_names_the_house_it_acts_on(house: House, arguments: list[str]) -> None:
    assert f"House: {house.data_dir}/homechat.db" in flask(house, *arguments).stderr


# user create


def test_a_new_person_can_sign_in_and_is_at_home(house: House) -> None:
    arguments = ["user", "create", "Nora", "--display-name", "Nora N", "--password-stdin"]

    assert said(flask(house, *arguments, text=f"{PASSWORD}\n")) == "nora is now member here.\n"

    nora = house.person("nora")
    assert (nora.display_name, nora.role) == ("Nora N", "member")
    with house.rows() as session:
        rooms = session.scalars(sa.select(Membership.room_id).filter_by(user_id=nora.id)).all()
    assert rooms == [house.home().id]
    reply = house.client().post("/sign-in", {"username": "nora", "password": PASSWORD}, form_on="/sign-in")
    assert reply.status_code == 302


@pytest.mark.parametrize("line_end", ["", "\n", "\r\n", "\nsecond line\n"])
def test_the_password_is_the_first_line_of_the_standard_input(house: House, line_end: str) -> None:
    password = "  spaces at both ends count  "
    said(flask(house, "user", "create", "nora", "--password-stdin", text=password + line_end))
    reply = house.client().post("/sign-in", {"username": "nora", "password": password}, form_on="/sign-in")
    assert reply.status_code == 302


def test_without_the_option_it_asks_for_the_password_twice_and_shows_it_never(house: House) -> None:
    result = flask(house, "user", "create", "nora", text=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 0
    assert PASSWORD not in result.output
    assert house.person("nora").role == "member"
    differs = flask(house, "user", "create", "otto", text=f"{PASSWORD}\nsomething else\n")
    assert differs.exit_code == 1


@pytest.mark.parametrize("role", ["admin", "member", "guest"])
def test_a_person_can_have_any_role_a_person_has(house: House, role: str) -> None:
    said(flask(house, "user", "create", "nora", "--role", role, "--password-stdin", text=PASSWORD))
    assert house.person("nora").role == role


@pytest.mark.parametrize("role", ["bot", "ADMIN", "king", ""])
def test_another_role_is_refused_with_the_ones_there_are(house: House, role: str) -> None:
    result = flask(house, "user", "create", "nora", "--role", role, "--password-stdin", text=PASSWORD)
    assert result.exit_code == 2
    assert "'admin', 'member', 'guest'" in result.stderr


@pytest.mark.parametrize(
    ("name", "password", "sentence"),
    [
        ("ben", PASSWORD, "That name is taken. Try another one."),
        ("BEN", PASSWORD, "That name is taken. Try another one."),
        ("no", PASSWORD, "Use 3 to 30 small letters, digits or _ without spaces."),
        ("nora m", PASSWORD, "Use 3 to 30 small letters, digits or _ without spaces."),
        ("nora", "", "Use at least 8 characters."),
        ("nora", "short", "Use at least 8 characters."),
        ("nora", "password1", "That password is one of the first that others would try."),
        ("nora", "nora2026", "That password is too close to a name that others know."),
    ],
)
def test_the_rules_for_names_and_passwords_hold_for_the_shell_too(
    house: House, name: str, password: str, sentence: str
) -> None:
    why = refused(flask(house, "user", "create", name, "--password-stdin", text=password + "\n"))
    assert sentence in why
    with house.rows() as session:
        assert session.scalar(sa.select(sa.func.count(User.id))) == 6


def test_the_first_person_founds_the_house_and_has_to_be_an_admin(tmp_path: Path) -> None:
    prepare_house(tmp_path / "data")
    house = House(tmp_path / "data")

    why = refused(flask(house, "user", "create", "ben", "--password-stdin", text=PASSWORD))
    said(flask(house, "user", "create", "ada", "--role", "admin", "--password-stdin", text=PASSWORD))

    assert why == "The first person of a house has to be an admin."
    assert house.home().name == "home"
    assert said(flask(house, "user", "list")) == "ada\tadmin\tada\n"
    close(house)


# user list, role, sign-out


def test_the_list_has_everyone_who_may_come_in(house: House) -> None:
    with house.rows() as session, transaction():
        session.execute(sa.update(User).where(User.username == "cleo").values(standing=Standing.LOCKED))
    lines = said(flask(house, "user", "list")).splitlines()
    assert lines == ["ada\tadmin\tAda", "ben\tmember\tBen", "gus\tguest\tGus", "olga\tguest\tOlga"]


def test_a_role_is_changed(house: House) -> None:
    assert said(flask(house, "user", "role", "ben", "admin")) == "ben is now admin here.\n"
    assert house.person("ben").role == "admin"
    assert said(flask(house, "user", "role", "ADA", "guest")) == "ADA is now guest here.\n"
    assert house.person("ada").role == "guest"


def test_the_last_admin_stays_one(house: House) -> None:
    why = refused(flask(house, "user", "role", "ada", "member"))
    assert why == "Somebody has to run the house: this is its last admin."
    assert house.person("ada").role == "admin"


def test_signing_somebody_out_ends_all_their_devices_and_nobody_elses(house: House) -> None:
    bens, adas = [house.client("ben"), house.client("ben")], house.client("ada")

    assert said(flask(house, "user", "sign-out", "ben")) == "2 device(s) of ben signed out.\n"

    assert [browser.get("/me").status_code for browser in bens] == [302, 302]
    assert adas.get("/me").status_code == 200
    assert said(flask(house, "user", "sign-out", "ben")) == "0 device(s) of ben signed out.\n"


@pytest.mark.parametrize("arguments", [["user", "role", "nobody", "guest"], ["user", "sign-out", "nobody"]])
def test_somebody_who_does_not_live_here_is_named(house: House, arguments: list[str]) -> None:
    assert refused(flask(house, *arguments)) == "There is nobody called nobody here."


# config show


def test_the_settings_are_shown_with_where_they_come_from_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_house(tmp_path)
    (tmp_path / "homechat.toml").write_text(
        'messages_per_minute = 30\nredis_url = "redis://:hidden@cache/0"\n'
    )
    (tmp_path / "homechat.toml").chmod(0o600)
    (tmp_path / "key").write_text("k" * 40)
    monkeypatch.setenv("HOMECHAT_TEST_SOMETHING", "of no concern")

    result = run_flask(tmp_path, "config", "show", env={"HOMECHAT_SECRET_KEY_FILE": str(tmp_path / "key")})

    assert result.returncode == 0, result.stderr
    lines = re.findall(r"^(\w+) = (.*)\n    from (.+?)\. [A-Z]", result.stdout, re.MULTILINE)
    shown = {name: (value, origin) for name, value, origin in lines}
    toml = f"{tmp_path}/homechat.toml"
    assert shown["HOMECHAT_DATA_DIR"] == (str(tmp_path), "HOMECHAT_DATA_DIR")
    assert shown["HOMECHAT_PORT"] == ("8000", "default")
    assert shown["HOMECHAT_MESSAGES_PER_MINUTE"] == ("30 messages a minute", toml)
    assert shown["HOMECHAT_REDIS_URL"] == ("(set)", toml)
    assert shown["HOMECHAT_SECRET_KEY"] == ("(set)", "HOMECHAT_SECRET_KEY_FILE")
    for secret in ("hidden", "k" * 40):
        assert secret not in result.stdout + result.stderr


def test_a_wrong_setting_stops_every_command_with_its_name(tmp_path: Path) -> None:
    for variables in ({"HOMECHAT_PORT": "many"}, {"HOMECHAT_POTR": "8000"}):
        result = run_flask(tmp_path, "user", "list", env=variables)
        assert result.returncode != 0
        assert next(iter(variables)) in result.stderr
        assert "Traceback" not in result.stderr


# setup-link


def test_a_new_set_up_link_is_printed_until_the_house_is_founded(tmp_path: Path) -> None:
    prepare_house(tmp_path / "data")
    house = House(tmp_path / "data", public_url="https://house.example/chat")
    older, newer = (said(flask(house, "setup-link")).strip() for _ in range(2))
    assert re.fullmatch(r"https://house\.example/chat/setup/[\w-]{43}", newer)
    paths = [link.removeprefix("https://house.example/chat") for link in (older, newer)]
    assert [house.client().get(path).status_code for path in paths] == [404, 200]

    said(flask(house, "user", "create", "ada", "--role", "admin", "--password-stdin", text=PASSWORD))

    assert house.client().get(paths[1]).status_code == 404
    why = refused(flask(house, "setup-link"))
    assert why.startswith("This house has been founded already.")
    close(house)


# audit verify


def test_a_whole_log_is_said_to_be_whole(house: House) -> None:
    house.act(settings.change, house.actor("ada"), settings.MEMBERS_INVITE, True)
    assert said(flask(house, "audit", "verify")) == "The audit log is whole.\n"


def test_a_log_whose_end_was_cut_off_is_broken_at_its_end(house: House) -> None:
    with house.rows() as session, transaction():
        session.execute(sa.text("DROP TRIGGER audit_logs_no_early_deletion"))
        session.execute(sa.text("DELETE FROM audit_logs WHERE id = (SELECT max(id) FROM audit_logs)"))
    why = refused(flask(house, "audit", "verify"))
    assert why == "The audit log is broken at the end: the newest rows are missing."


# while the server runs


def test_commands_work_while_the_server_runs(cast_folder: Path, tmp_path: Path) -> None:
    folder = copy_house(cast_folder, tmp_path / "data")
    with ServerProcess(folder, GENEROUS_LIMITS) as server:
        ben = Talker(server.url, "ben").sign_in()
        assert ben.get("/me").status_code == 200

        made = run_flask(folder, "user", "create", "nora", "--password-stdin", text=PASSWORD)
        assert made.returncode == 0, made.stderr
        assert Talker(server.url, "nora").sign_in().get("/me").status_code == 200
        assert "nora\tmember\tnora" in run_flask(folder, "user", "list").stdout
        assert run_flask(folder, "user", "role", "nora", "guest").returncode == 0
        assert run_flask(folder, "user", "sign-out", "ben").stdout == "1 device(s) of ben signed out.\n"
        assert ben.get("/me").status_code == 302
        assert run_flask(folder, "audit", "verify").stdout == "The audit log is whole.\n"
        assert run_flask(folder, "prepare").returncode == 0
        assert server.is_up()
    house = House(folder)
    with house.rows() as session:
        assert session.scalar(sa.select(sa.func.count(LoginSession.id))) == 2
    close(house)
