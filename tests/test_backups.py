"""Backups: who makes them, what is in them, and what is said of those that are worth nothing."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from homechat import audit, clock, data_folder, written_keys
from homechat.actor import Actor, Door
from homechat.audit import Action
from homechat.database import transaction
from homechat.errors import Conflict, Forbidden, HomeChatError, NoSpace, NotFound, StepUpNeeded, TooMany
from homechat.operations.backups import actions, archive, folder, keys, making, snapshot
from homechat.operations.backups.folder import Backup, Status
from homechat.operations.backups.working import Work
from homechat.uploads import files
from homechat.uploads.models import Upload
from tests import secrets_used
from tests.api_client import new_token
from tests.corpus import encoded
from tests.house import House
from tests.sharing import send, share

OPERATOR = Actor.operator()


def made(house: House) -> Backup:
    """Make a backup as the shell does."""
    backup = house.act(actions.work_now, OPERATOR, Work.MAKE)
    assert backup.status is Status.DONE, backup
    return backup


def tried(house: House, work: Work, backup: Backup) -> folder.Trial:
    """Try a backup as the shell does, and return what came of it."""
    after = house.act(actions.work_now, OPERATOR, work, backup.id)
    trial = after.verification if work is Work.VERIFY else after.test_restore
    assert trial is not None
    return trial


def file_of(house: House, backup: Backup) -> Path:
    return folder.file_of(house.data_dir, backup.id)


def key_of(house: House) -> str:
    """Return the key of a house's backups as it is written down."""
    key: str = house.act(actions.own_key_written, OPERATOR)
    secrets_used.remember(key)
    return key


def own_keys(house: House) -> list[bytes]:
    return keys.own_keys(house.settings)


def fill(house: House) -> None:
    """Have people talk, share a picture, and Ben turn his second step on."""
    room = house.room("ben", "cleo")
    house.say("ben", room, "The otters are back")
    send(house, "ben", room, share(house, "ben", room, "a.png", encoded("PNG")))
    house.turn_on_second_step("ben")


def entries(house: House) -> list[audit.AuditLog]:
    return house.act(audit.entries, action=Action.BACKUP)


def stored_files(house: House) -> list[str]:
    with house.rows() as session:
        rows = session.execute(sa.select(Upload.sha256, Upload.thumbnail_sha256)).all()
    return sorted({sha256 for row in rows for sha256 in row if sha256})


# making


def test_a_backup_is_one_private_file_with_everything_in_it(house: House) -> None:
    fill(house)

    backup = made(house)

    file = file_of(house, backup)
    assert backup.byte_size == file.stat().st_size > 100_000
    assert (backup.people, backup.files, backup.missing_files) == (6, 1, 0)
    assert backup.messages >= 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    left = {path.name for path in file.parent.iterdir()}
    assert left == {".lock", file.name, f"homechat-{backup.id}.json"}
    manifest = archive.read_through(file, own_keys(house))
    names = [part.name for part in manifest.parts]
    assert names[:2] == ["database.sqlite3", "encryption_keys"]
    assert sorted(names[2:]) == [f"uploads/{sha256}" for sha256 in stored_files(house)]
    assert (manifest.counts["users"], manifest.counts["messages"]) == (6, backup.messages)


def test_nothing_of_it_can_be_read_without_the_key(house: House) -> None:
    fill(house)
    raw = file_of(house, made(house)).read_bytes()

    for plain in (b"otters", b"SQLite format", b"argon2", b"manifest", b"users"):
        assert plain not in raw
    key = own_keys(house)[0]
    assert key not in raw
    assert written_keys.written(key).encode() not in raw
    with pytest.raises(archive.WrongKey, match="another key"):
        archive.read_through(file_of(house, made(house)), [b"\0" * 32])


def test_each_has_its_own_name_and_the_newest_comes_first(house: House) -> None:
    first, second = made(house), made(house)
    found = house.act(actions.every_backup, OPERATOR)
    assert [each.id for each in found] == [second.id, first.id]
    assert len(second.id) > 24


def test_it_is_written_down_who_made_it(house: House) -> None:
    backup = house.act(actions.work_now, house.actor("ada", Door.API), Work.MAKE)

    (entry,) = entries(house)

    assert (entry.actor_id, entry.door, entry.subject) == (house.id_of("ada"), "api", f"backup:{backup.id}")
    assert entry.detail == {"what": "made", "result": "done", "bytes": backup.byte_size}


def test_what_cannot_be_written_down_is_not_made(house: House) -> None:
    with house.rows() as session, transaction():
        session.execute(
            sa.text("CREATE TRIGGER stop BEFORE INSERT ON audit_logs BEGIN SELECT RAISE(ABORT, 'no'); END")
        )

    backup = house.act(actions.work_now, OPERATOR, Work.MAKE)

    assert backup.status is Status.FAILED
    assert not file_of(house, backup).exists()
    assert list(file_of(house, backup).parent.glob("*.part")) == []


def test_the_key_is_made_once_and_only_for_the_eyes_of_its_user(house: House) -> None:
    first = made(house)
    key = data_folder.backup_key_file(house.data_dir)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_text()
    made(house)
    assert key.read_text() == before
    assert key_of(house) == before.strip()
    assert archive.read_through(file_of(house, first), own_keys(house)).id == first.id


def test_showing_the_key_is_for_the_shell_only_and_written_down(house: House) -> None:
    with pytest.raises(Forbidden):
        house.act(actions.own_key_written, house.actor("ada", Door.API))

    key_of(house)

    (entry,) = house.act(audit.entries, action=Action.EXPORT)
    assert (entry.door, entry.detail) == ("cli", {"what": "backup key"})


def test_the_key_may_come_from_a_setting_and_an_older_one_still_opens(house: House) -> None:
    old = made(house)
    new_key = written_keys.written(written_keys.new_key())
    secrets_used.remember(new_key)
    settings = replace(house.settings, backup_key=f"{new_key} {key_of(house)}")

    house.app.extensions["homechat_settings"] = settings
    new = made(house)

    newer, older = keys.own_keys(settings)
    assert archive.read_through(file_of(house, new), [newer]).id == new.id
    assert archive.read_through(file_of(house, old), [older]).id == old.id


def test_a_file_that_is_missing_is_counted_and_the_rest_is_there(house: House) -> None:
    fill(house)
    gone, *_rest = stored_files(house)
    files.remove(house.data_dir, gone)

    backup = made(house)

    assert backup.missing_files == 1
    trial = tried(house, Work.PROVE, backup)
    assert trial.status is Status.FAILED
    assert "missing in this backup, or damaged: 1." in trial.problem


# who may, and how often


@pytest.mark.parametrize("name", ["ben", "gus", "rex"])
def test_nobody_but_admins_and_the_operator_has_to_do_with_backups(house: House, name: str) -> None:
    backup = made(house)
    actor = house.actor(name, Door.API)
    for act in (
        lambda: house.act(actions.every_backup, actor),
        lambda: house.act(actions.start, actor, Work.MAKE),
        lambda: house.act(actions.start, actor, Work.PROVE, backup.id),
        lambda: house.act(actions.work_now, actor, Work.MAKE),
    ):
        with pytest.raises(Forbidden):
            act()
    assert len(house.act(actions.every_backup, OPERATOR)) == 1


def test_an_admin_in_a_browser_shows_once_more_who_they_are(house: House) -> None:
    with pytest.raises(StepUpNeeded):
        house.act(actions.work_now, house.actor("ada"), Work.MAKE)


def test_one_thing_at_a_time(house: House) -> None:
    backup = made(house)
    turn = folder.take_turn(house.data_dir)
    try:
        for work, which in ((Work.MAKE, None), (Work.VERIFY, backup.id), (Work.PROVE, backup.id)):
            with pytest.raises(Conflict, match="right now"):
                house.act(actions.start, OPERATOR, work, which)
    finally:
        os.close(turn)
    made(house)


def test_an_admin_makes_twenty_an_hour_and_the_shell_as_many_as_it_likes(house: House) -> None:
    ada = house.actor("ada", Door.API)
    backup = made(house)
    for _time in range(20):
        assert house.act(actions.work_now, ada, Work.VERIFY, backup.id)
    with pytest.raises(TooMany, match="a lot of backups"):
        house.act(actions.work_now, ada, Work.VERIFY, backup.id)
    assert tried(house, Work.VERIFY, backup).status is Status.DONE


@pytest.mark.parametrize("name", ["20261121T000000Z-0123456789ab", "", "..", "../homechat", "x" * 300])
def test_what_is_not_there_cannot_be_tried(house: House, name: str) -> None:
    made(house)
    with pytest.raises(NotFound):
        house.act(actions.work_now, OPERATOR, Work.VERIFY, name)


# where it went wrong


def test_a_job_that_was_cut_off_has_failed_and_what_it_left_is_swept_away(house: House) -> None:
    good = made(house)
    begun = folder.keep(house.data_dir, folder.new_backup())
    folder.unfinished_file_of(house.data_dir, begun.id).write_bytes(b"half")
    running = replace(good, test_restore=folder.Trial(good.created_at, Status.RUNNING))
    folder.keep(house.data_dir, running)
    (data_folder.backups_dir(house.data_dir) / ".work-abc").mkdir()

    found = {each.id: each for each in house.act(actions.every_backup, OPERATOR)}

    assert found[begun.id].status is Status.FAILED
    trial = found[good.id].test_restore
    assert trial is not None
    assert trial.status is Status.FAILED
    with pytest.raises(Conflict, match="never finished"):
        house.act(actions.work_now, OPERATOR, Work.VERIFY, begun.id)
    made(house)
    left = [path.name for path in data_folder.backups_dir(house.data_dir).iterdir()]
    assert not [name for name in left if name.startswith(".work") or name.endswith(".part")]
    turn = folder.take_turn(house.data_dir)  # Somebody else is at work: the old one is not.
    found = {each.id: each for each in folder.every_backup(house.data_dir)}
    os.close(turn)
    assert found[begun.id].status is Status.FAILED


def test_where_the_disk_is_full_it_says_so_and_leaves_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(house)
    monkeypatch.setattr(snapshot, "SPARE_BYTES", 10**18)

    backup = house.act(actions.work_now, OPERATOR, Work.MAKE)

    assert backup.status is Status.FAILED
    assert "The disk has no room for this" in backup.problem
    assert not list(data_folder.backups_dir(house.data_dir).glob("*.backup"))
    (entry,) = entries(house)
    assert entry.detail == {"what": "made", "result": "failed"}
    with pytest.raises(NoSpace):
        house.act(snapshot.refuse_without_room, house.data_dir, 0)


def test_a_disk_that_becomes_full_meanwhile_is_a_sentence(house: House) -> None:
    with (
        open("/dev/full", "wb", buffering=0) as full,
        pytest.raises(NoSpace, match="The disk is full"),
        house.app.app_context(),
        making.problems_said(),
    ):
        full.write(b"x")


def damage(house: House, backup: Backup, how: Callable[[bytearray], bytes | bytearray]) -> None:
    file = file_of(house, backup)
    file.write_bytes(how(bytearray(file.read_bytes())))


def flipped(raw: bytearray) -> bytearray:
    raw[len(raw) // 2] ^= 1
    return raw


@pytest.mark.parametrize("work", [Work.VERIFY, Work.PROVE])
@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        (flipped, "is damaged"),
        (lambda raw: raw[:-1], "is damaged"),
        (lambda raw: raw[: len(raw) // 2], "is damaged"),
        (lambda raw: raw + b"x", "is damaged"),
        (lambda raw: b"", "is no backup"),
        (lambda raw: b"\0" * 1000, "is no backup"),
    ],
)
def test_damage_is_found_and_remembered(
    house: House, work: Work, how: Callable[[bytearray], bytes], sentence: str
) -> None:
    backup = made(house)
    assert tried(house, work, backup).status is Status.DONE  # Guard: it was good.
    damage(house, backup, how)

    trial = tried(house, work, backup)

    assert trial.status is Status.FAILED
    assert sentence in trial.problem
    found = house.act(actions.every_backup, OPERATOR)[0]
    assert trial in (found.verification, found.test_restore)
    assert entries(house)[0].detail["result"] == "failed"


def test_a_backup_of_another_house_says_that_the_key_is_another(house: House) -> None:
    backup = made(house)
    data_folder.put_backup_keys(house.data_dir, [written_keys.written(written_keys.new_key())])
    for work in (Work.VERIFY, Work.PROVE):
        assert "another key" in tried(house, work, backup).problem


def test_a_backup_that_was_brought_here_is_listed_and_can_be_tried(house: House) -> None:
    backup = made(house)
    (file_of(house, backup).parent / f"homechat-{backup.id}.json").unlink()

    (found,) = house.act(actions.every_backup, OPERATOR)

    assert (found.id, found.status, found.byte_size) == (backup.id, Status.DONE, backup.byte_size)
    assert tried(house, Work.VERIFY, backup).status is Status.DONE


# proving


def test_a_trial_looks_at_everything_changes_nothing_and_is_remembered(house: House) -> None:
    fill(house)
    backup = made(house)
    before = (house.data_dir / "homechat.db").read_bytes(), sorted(house.data_dir.rglob("*"))

    trial = tried(house, Work.PROVE, backup)

    assert (trial.status, trial.problem) == (Status.DONE, "")
    assert trial.took_ms > 0
    assert sorted(house.data_dir.rglob("*")) == before[1]
    (proven, _made) = entries(house)
    assert proven.detail == {"what": "proven", "result": "done"}
    last = folder.last_proven(house.data_dir)
    assert last is not None
    assert last.test_restore == trial
    newest = folder.last_made(house.data_dir)
    assert newest is not None
    assert newest.id == backup.id


def repack(house: House, backup: Backup, change: Callable[[Path], None], **facts: object) -> None:
    """Make a backup anew, under the same key, from what is in it after a change."""
    bench = house.data_dir / "bench"
    bench.mkdir()
    manifest = archive.read_through(file_of(house, backup), own_keys(house), into=bench)
    change(bench)
    with file_of(house, backup).open("wb") as target:
        packer = archive.Packer(target, own_keys(house)[0])
        for part in manifest.parts:
            if (bench / part.name).exists():
                packer.add_bytes(part.name, (bench / part.name).read_bytes())
        packer.finish(replace(manifest, parts=list(packer.parts), **facts))  # type: ignore[arg-type]
    shutil.rmtree(bench)


def sql(statement: str) -> Callable[[Path], None]:
    def run(bench: Path) -> None:
        engine = sa.create_engine(f"sqlite:///{bench / 'database.sqlite3'}", poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.execute(sa.text("PRAGMA foreign_keys=OFF"))
            for each in statement.split(";"):
                connection.execute(sa.text(each))
        engine.dispose()

    return run


def overwrite_page(bench: Path) -> None:
    file = bench / "database.sqlite3"
    raw = bytearray(file.read_bytes())
    raw[40_000:44_000] = b"\xff" * 4_000
    file.write_bytes(raw)


def another_picture(bench: Path) -> None:
    next((bench / "uploads").iterdir()).write_bytes(b"something else")


def no_keys(bench: Path) -> None:
    (bench / "encryption_keys").write_text("x" * 40)


@pytest.mark.parametrize(
    ("change", "facts", "sentence"),
    [
        (sql("SELECT 1"), {}, ""),
        (sql("UPDATE messages SET room_id = 4711"), {}, "database in this backup is damaged"),
        (overwrite_page, {}, "database in this backup is damaged"),
        (sql("DELETE FROM message_reactions"), {"counts": {}}, "not what its list says"),
        (
            sql("DROP TRIGGER audit_logs_no_change; UPDATE audit_logs SET action = 'logout' WHERE id = 3"),
            {},
            "The audit log is broken at entry 3",
        ),
        (another_picture, {}, "missing in this backup, or damaged: 1."),
        (no_keys, {}, "under a key that is gone"),
        (lambda bench: None, {"revisions": ["0999_from_the_future"]}, "made by a newer HomeChat"),
        (lambda bench: (bench / "database.sqlite3").unlink(), {}, "There is no database"),
        (lambda bench: None, {"format": 2}, "no backup that this HomeChat can read"),
    ],
)
def test_a_trial_finds_what_reading_through_cannot(
    house: House, change: Callable[[Path], None], facts: dict[str, object], sentence: str
) -> None:
    fill(house)
    backup = made(house)
    repack(house, backup, change, **facts)

    trial = tried(house, Work.PROVE, backup)

    assert sentence in trial.problem
    assert bool(trial.problem) is bool(sentence), trial.problem


def test_an_archive_with_a_place_of_its_own_choosing_is_refused(house: House) -> None:
    backup = made(house)
    for name in ("../../evil", "/etc/evil", "uploads/../../x", "uploads/" + "A" * 64, "database.sqlite3/x"):
        with file_of(house, backup).open("wb") as target:
            packer = archive.Packer(target, own_keys(house)[0])
            packer.add_bytes(name, b"evil")
            packer.finish(archive.Manifest("x", "", "", "sqlite", [], {}, [], list(packer.parts)))
        assert "is damaged" in tried(house, Work.PROVE, backup).problem
    assert not (house.data_dir / "evil").exists()


def test_a_clock_that_was_moved_makes_no_trouble(house: House) -> None:
    with clock.moved(timedelta(days=400)):
        backup = made(house)
        assert tried(house, Work.PROVE, backup).status is Status.DONE
    assert house.act(actions.every_backup, OPERATOR)[0].id == backup.id


def test_a_token_that_is_no_admins_is_told_nothing(house: House) -> None:
    with pytest.raises(HomeChatError):
        new_token(house, "ben", "admin:read")
