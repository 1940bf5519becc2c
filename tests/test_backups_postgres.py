"""Backups of a house on PostgreSQL, by its own programs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from homechat import audit
from homechat.actor import Actor
from homechat.audit import Action
from homechat.errors import Conflict, Invalid
from homechat.operations.backups import actions, folder, keys, restoring
from homechat.operations.backups.folder import Status
from homechat.operations.backups.working import Work
from tests.conftest import close
from tests.corpus import encoded
from tests.house import House
from tests.postgres import PostgresServer, empty_house, move_in
from tests.sharing import send, share
from tests.test_backups import file_of, made, own_keys, tried
from tests.test_backups_restore import LATER, SENTENCE, said_in

OPERATOR = Actor.operator()


@pytest.fixture
def on_postgres(postgres_url: str, tmp_path: Path) -> House:
    return move_in(empty_house(postgres_url, tmp_path / "pg"))


def test_a_backup_of_postgresql_is_made_proven_and_put_back(on_postgres: House) -> None:
    house = on_postgres
    room = house.room("ben", "cleo")
    house.say("ben", room, SENTENCE)
    send(house, "ben", room, share(house, "ben", room, "a.png", encoded("PNG")))
    house.turn_on_second_step("ben")

    backup = made(house)

    assert (backup.database, backup.people, backup.files) == ("postgresql", 3, 1)
    assert tried(house, Work.VERIFY, backup).status is Status.DONE
    trial = tried(house, Work.PROVE, backup)
    assert (trial.status, trial.problem) == (Status.DONE, "")
    house.say("ben", room, LATER)
    with pytest.raises(Conflict, match="--replace"):
        restore(house, backup.id, replace_house=False)
    for times in (1, 2):  # What was restored can be backed up and restored as well.
        done = restore(house, backup.id)
        assert LATER not in said_in(house)
        assert SENTENCE in said_in(house)
        assert house.act(audit.verify) is None
        assert len(house.act(audit.entries, action=Action.RESTORE)) == times
        assert house.client("ben").get("/").status_code == 200
        assert done.kept is not None
        backup = made(house)
    kept = folder.find(house.data_dir, done.kept.name.removeprefix("homechat-").removesuffix(".backup"))
    assert kept is not None
    assert kept.status is Status.DONE
    close(house)


def restore(house: House, backup_id: str, *, replace_house: bool = True) -> restoring.Restoration:
    close(house)
    file = folder.file_of(house.data_dir, backup_id)
    done: restoring.Restoration = house.act(
        restoring.restore, OPERATOR, file, own_keys(house), house.settings, replace_house=replace_house
    )
    return done


def test_a_house_that_is_being_served_is_left_alone(on_postgres: House, postgres_url: str) -> None:
    backup = made(on_postgres)
    other = House(on_postgres.data_dir, database_url=postgres_url)
    with other.rows() as session:
        session.connection()
        with pytest.raises(Conflict, match="Stop HomeChat first"):
            restore(on_postgres, backup.id)
    close(other)
    close(on_postgres)


def test_without_the_program_it_says_what_to_install(
    on_postgres: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    backup = on_postgres.act(actions.work_now, OPERATOR, Work.MAKE)
    assert backup.status is Status.FAILED
    assert "pg_dump is not installed here" in backup.problem
    assert "apt install postgresql-client" in backup.problem
    close(on_postgres)


def test_a_user_that_may_make_no_database_is_told_how(
    on_postgres: House, postgres_server: PostgresServer
) -> None:
    backup = made(on_postgres)
    name = on_postgres.settings.database_url.split("///")[1].split("?")[0]
    postgres_server.run_sql(f"CREATE ROLE modest_{name} LOGIN")
    url = on_postgres.settings.database_url.replace("user=homechat", f"user=modest_{name}")
    modest = House(on_postgres.data_dir, database_url=url)
    postgres_server.run_sql(f"GRANT homechat TO modest_{name}")
    trial = tried(modest, Work.PROVE, backup)
    assert "may not make a database" in trial.problem
    close(modest)
    close(on_postgres)
    postgres_server.run_sql(f"DROP ROLE modest_{name}")


def test_a_backup_goes_where_the_same_kind_of_database_is(
    on_postgres: House, house: House, tmp_path: Path
) -> None:
    backup = made(house)
    target = folder.file_of(on_postgres.data_dir, backup.id)
    target.parent.mkdir(mode=0o700)
    shutil.copy(file_of(house, backup), target)
    close(on_postgres)
    with pytest.raises(Invalid, match="on sqlite, and this one is on postgresql"):
        on_postgres.act(
            restoring.restore,
            OPERATOR,
            target,
            keys.own_keys(house.settings),
            on_postgres.settings,
            replace_house=True,
        )
    close(on_postgres)
