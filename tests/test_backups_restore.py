"""Restoring a backup: on a new machine, in the place of a house, and whatever goes wrong meanwhile."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from homechat import audit, clock, data_folder
from homechat.accounts.models import LoginSession
from homechat.actor import Actor
from homechat.audit import Action
from homechat.config import Settings
from homechat.errors import Conflict, HomeChatError, Invalid, NoSpace
from homechat.operations.backups import archive, folder, keys, restoring, snapshot
from homechat.operations.backups.restoring import Restoration
from homechat.uploads import files
from tests.api_client import Program, new_token
from tests.conftest import close
from tests.corpus import encoded
from tests.house import PASSWORD, House, next_code
from tests.server_process import ROOT, environment
from tests.sharing import send, share
from tests.test_backups import file_of, key_of, made, own_keys, repack, stored_files

OPERATOR = Actor.operator()
SENTENCE = "The otters are back"
LATER = "This is written after the backup"


def restore(house: House, file: Path, opening: list[bytes], *, replace_house: bool = True) -> Restoration:
    done: Restoration = house.act(
        restoring.restore, OPERATOR, file, opening, house.settings, replace_house=replace_house
    )
    return done


def said_in(house: House) -> list[str]:
    with house.rows() as session:
        session.rollback()
        return list(session.scalars(sa.text("SELECT body FROM messages WHERE kind = 'text' ORDER BY id")))


def new_machine(tmp_path: Path) -> House:
    """Return a house that is not there yet."""
    return House(tmp_path / "new machine" / "data")


def database(folder: Path) -> list[tuple[object, ...]]:
    engine = sa.create_engine(f"sqlite:///{folder / 'homechat.db'}", poolclass=sa.NullPool)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("PRAGMA integrity_check")) == "ok"
        rows = [
            tuple(row) for row in connection.execute(sa.text("SELECT id, body FROM messages ORDER BY id"))
        ]
    engine.dispose()
    return rows


# a new machine


def test_on_a_new_machine_everything_works_with_the_file_and_the_written_key(
    house: House, tmp_path: Path
) -> None:
    room = house.room("ben", "cleo")
    house.say("ben", room, SENTENCE)
    picture = share(house, "ben", room, "a.png", encoded("PNG"))
    send(house, "ben", room, picture)
    totp, _codes = house.turn_on_second_step("ben")
    token = new_token(house, "ben")[1]
    browser = house.client("cleo")
    cookies = browser.client
    backup = made(house)
    copied = tmp_path / "on a stick.backup"
    shutil.copy(file_of(house, backup), copied)
    written = key_of(house)
    shutil.rmtree(house.data_dir / "secrets")  # Guard: nothing of the old machine is needed.

    there = new_machine(tmp_path)
    done = restore(there, copied, [keys.key_typed(written)], replace_house=False)

    assert done.kept is None
    assert (done.manifest.id, done.signed_out) == (backup.id, 1)
    assert said_in(there) == said_in(house)
    assert stat.S_IMODE((there.data_dir / "homechat.db").stat().st_mode) == 0o600
    assert cookies is not None
    # They sign in with their password, and Ben with his second step.
    page = there.client()
    reply = page.post("/sign-in", {"username": "ben", "password": PASSWORD}, form_on="/sign-in")
    assert reply.location.endswith("/second-step") or reply.status_code in (302, 303)
    reply = Program(there).sign_in("ben", otp_code=next_code(totp))
    assert reply.status_code == 200
    assert Program(there, token).get("/me").json["user"]["username"] == "ben"
    assert there.client("ben").get(picture.url).status_code == 200
    assert there.client("ada").get(picture.url).status_code == 404
    found = there.client("cleo").get("/search?q=otter").get_data(as_text=True)
    assert "otters" in found
    assert there.act(audit.verify) is None
    (entry,) = there.act(audit.entries, action=Action.RESTORE)
    assert (entry.door, entry.subject) == ("cli", f"backup:{backup.id}")
    assert entry.detail == {"made": backup.created_at, "devices": 1}
    with there.rows() as session:
        assert session.scalars(sa.select(LoginSession.id).where(LoginSession.revoked_at.is_(None))).all()
    close(there)


def test_the_key_that_was_typed_becomes_the_new_houses_own(house: House, tmp_path: Path) -> None:
    backup, written = made(house), key_of(house)
    there = new_machine(tmp_path)
    restore(there, file_of(house, backup), own_keys(house), replace_house=False)

    keys.keep_key(there.settings, keys.key_typed(written))

    assert data_folder.backup_keys(there.data_dir) == [written]
    new = made(there)
    assert archive.read_through(file_of(there, new), own_keys(house)).id == new.id
    close(there)


# in the place of a house


def test_a_house_that_is_there_is_replaced_only_when_told_so_and_kept_aside(house: House) -> None:
    room = house.room("ben", "cleo")
    house.say("ben", room, SENTENCE)
    send(house, "ben", room, share(house, "ben", room, "a.png", encoded("PNG")))
    backup = made(house)
    house.say("ben", room, LATER)
    send(house, "ben", room, share(house, "ben", room, "b.png", encoded("PNG", size=(30, 40))))
    old_files = stored_files(house)
    close(house)
    before = database(house.data_dir)

    with pytest.raises(Conflict, match="--replace"):
        restore(house, file_of(house, backup), own_keys(house), replace_house=False)
    assert database(house.data_dir) == before
    done = restore(house, file_of(house, backup), own_keys(house))

    assert SENTENCE in said_in(house)
    assert LATER not in said_in(house)
    assert done.kept is not None
    assert database(done.kept) == before
    assert (done.kept / "secrets" / "encryption_key").read_text() == data_folder.encryption_key_file(
        house.data_dir
    ).read_text()
    assert all((done.kept / "uploads" / each[:2] / each).is_file() for each in old_files)
    assert all(files.exists(house.data_dir, each) for each in stored_files(house))
    assert stat.S_IMODE(done.kept.stat().st_mode) == 0o700
    assert not [path for path in house.data_dir.iterdir() if path.name.endswith((".restored", "-wal.old"))]


def test_what_was_kept_aside_is_a_house_again_when_it_is_put_back(house: House, tmp_path: Path) -> None:
    house.say("ben", house.home().id, SENTENCE)
    backup = made(house)
    house.say("ben", house.home().id, LATER)
    done = restore(house, file_of(house, backup), own_keys(house))
    assert done.kept is not None

    back = House(shutil.copytree(done.kept, tmp_path / "back"))

    assert said_in(back)[-2:] == [SENTENCE, LATER]
    assert back.client("ben").get("/").status_code == 200
    assert back.act(audit.verify) is None
    close(back)


def test_the_log_of_a_server_that_was_killed_is_in_what_is_kept(house: House) -> None:
    backup = made(house)
    house.say("ben", house.home().id, LATER)
    assert (house.data_dir / "homechat.db-wal").stat().st_size > 0  # Guard: it stands beside the file.

    done = restore(house, file_of(house, backup), own_keys(house))

    assert done.kept is not None
    assert LATER in [body for _id, body in database(done.kept)]
    assert LATER not in said_in(house)


def test_a_house_whose_database_is_broken_can_be_replaced(house: House) -> None:
    house.say("ben", house.home().id, SENTENCE)
    backup = made(house)
    close(house)
    for ending in ("", "-wal", "-shm"):
        (house.data_dir / f"homechat.db{ending}").unlink(missing_ok=True)
    broken = house.data_dir / "homechat.db"
    broken.touch(mode=0o600)
    broken.write_bytes(b"nonsense" * 5000)

    done = restore(house, file_of(house, backup), own_keys(house))

    assert SENTENCE in said_in(house)
    assert done.kept is not None
    assert (done.kept / "homechat.db").read_bytes() == b"nonsense" * 5000


def test_secrets_of_a_house_with_other_keys_can_be_read_after_it(house: House, tmp_path: Path) -> None:
    totp, _codes = house.turn_on_second_step("ben")
    backup = made(house)
    other = House(shutil.copytree(house.data_dir, tmp_path / "other"))
    data_folder.put_encryption_keys(other.data_dir, [data_folder.new_key()])

    restore(other, file_of(house, backup), own_keys(house))

    lines = data_folder.encryption_key_file(other.data_dir).read_text().split()
    assert len(lines) == 2
    assert Program(other).sign_in("ben", otp_code=next_code(totp)).status_code == 200
    close(other)


def test_where_the_keys_of_secrets_are_a_setting_they_have_to_fit(house: House) -> None:
    backup = made(house)
    settings = Settings(data_dir=house.data_dir, secret_key="s" * 64, encryption_key="k" * 40)
    with pytest.raises(Invalid, match="HOMECHAT_ENCRYPTION_KEY is set"):
        house.act(
            restoring.restore,
            OPERATOR,
            file_of(house, backup),
            own_keys(house),
            settings,
            replace_house=True,
        )


# what goes wrong


def test_a_house_that_is_being_served_is_left_alone(house: House) -> None:
    backup = made(house)
    lock = data_folder.claim(house.data_dir / "homechat.db")
    try:
        with pytest.raises(Conflict, match="Stop HomeChat first"):
            restore(house, file_of(house, backup), own_keys(house))
    finally:
        os.close(lock)
    restore(house, file_of(house, backup), own_keys(house))


def test_while_a_backup_is_made_nothing_is_restored(house: House) -> None:
    backup = made(house)
    turn = folder.take_turn(house.data_dir)
    try:
        with pytest.raises(Conflict, match="right now"):
            restore(house, file_of(house, backup), own_keys(house))
    finally:
        os.close(turn)


def test_a_disk_that_takes_no_more_is_a_sentence_and_nothing_happens(house: House) -> None:
    house.say("ben", house.home().id, SENTENCE)
    backup = made(house)
    house.say("ben", house.home().id, LATER)
    close(house)

    def take_no_more() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    done = subprocess.run(
        [sys.executable, "-m", "flask", "backup", "restore", backup.id, "--replace"],
        cwd=ROOT,
        env=environment(house.data_dir),
        preexec_fn=take_no_more,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Error: The disk is full.")
    assert said_in(house)[-1] == LATER
    assert not list(house.data_dir.glob("before-restore-*"))
    assert not list((house.data_dir / "backups").glob(".work-*"))


def test_two_restorations_of_one_second_keep_both_houses(house: House) -> None:
    backup = made(house)
    house.say("ben", house.home().id, LATER)
    for second in range(60):
        taken = clock.now() + timedelta(seconds=second)
        (house.data_dir / f"before-restore-{taken:%Y%m%dT%H%M%SZ}").mkdir()

    restore(house, file_of(house, backup), own_keys(house))

    (kept,) = house.data_dir.glob("before-restore-*-2")
    assert LATER in [body for _id, body in database(kept)]


@pytest.mark.parametrize("wrong", ["key", "flipped", "cut off", "no room", "newer"])
def test_whatever_is_wrong_the_house_stays_as_it_was(
    house: House, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.say("ben", house.home().id, SENTENCE)
    backup = made(house)
    house.say("ben", house.home().id, LATER)
    opening, file = own_keys(house), file_of(house, backup)
    raw = file.read_bytes()
    if wrong == "key":
        opening = [b"\0" * 32]
    elif wrong == "flipped":
        file.write_bytes(raw[:-100] + bytes([raw[-100] ^ 1]) + raw[-99:])
    elif wrong == "cut off":
        file.write_bytes(raw[:-1])
    elif wrong == "newer":
        repack(house, backup, lambda bench: None, revisions=["0999"])
    else:
        monkeypatch.setattr(snapshot, "SPARE_BYTES", 10**18)
    close(house)
    before = {path: path.read_bytes() for path in house.data_dir.rglob("*") if path.is_file()}

    with pytest.raises(HomeChatError) as refusal:
        restore(house, file, opening)

    assert refusal.value.message
    assert isinstance(refusal.value, NoSpace if wrong == "no room" else archive.BadBackup)
    after = {path: path.read_bytes() for path in house.data_dir.rglob("*") if path.is_file()}
    changed = {path.name for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert changed <= {"homechat.db.lock", ".lock"}
    assert said_in(house)[-1] == LATER


def test_an_older_backup_is_brought_up_to_date(house: House, tmp_path: Path) -> None:
    def downgrade(bench: Path) -> None:
        env = environment(bench, HOMECHAT_DATABASE_URL=f"sqlite:///{bench / 'database.sqlite3'}")
        done = subprocess.run(
            [sys.executable, "-m", "flask", "db", "downgrade", "0008"],
            cwd=ROOT,
            env=env,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        for left in ("secrets", "database.sqlite3-wal", "database.sqlite3-shm"):
            shutil.rmtree(bench / left, ignore_errors=True)

    house.say("ben", house.home().id, SENTENCE)
    backup = made(house)
    counts = archive.read_through(file_of(house, backup), own_keys(house)).counts
    older = {
        name: count
        for name, count in counts.items()
        if name not in ("bots", "webhook_deliveries", "heard_deliveries", "message_answers")
    }
    repack(house, backup, downgrade, revisions=["0008"], counts=older)

    there = new_machine(tmp_path)
    restore(there, file_of(house, backup), own_keys(house), replace_house=False)

    assert SENTENCE in said_in(there)
    assert there.client("ben").get("/").status_code == 200
    close(there)


KILLED = """
import os, sys
from pathlib import Path
from homechat import create_app
from homechat.actor import Actor
from homechat.operations.backups import keys, restoring

step = int(sys.argv[2])
count = 0

def dying(event, arguments):
    global count
    if event in ("os.rename", "os.link", "os.remove", "os.mkdir", "open", "shutil.move") and armed:
        count += 1
        if count == step:
            os.kill(os.getpid(), 9)

armed = False
sys.addaudithook(dying)
app = create_app()
with app.app_context():
    settings = app.extensions["homechat_settings"]
    before = restoring._keep_aside
    def keep_aside(*arguments):
        global armed
        armed = True
        return before(*arguments)
    restoring._keep_aside = keep_aside
    restoring.restore(Actor.operator(), Path(sys.argv[1]), keys.own_keys(settings), settings, replace_house=True)
print("done", count)
"""


@pytest.mark.slow
def test_killed_at_any_step_it_is_the_old_house_or_the_new_one(house: House, tmp_path: Path) -> None:
    room = house.home().id
    house.say("ben", room, SENTENCE)
    send(house, "ben", room, share(house, "ben", room, "a.png", encoded("PNG")))
    backup = made(house)
    house.say("ben", room, LATER)
    close(house)
    script = tmp_path / "killed.py"
    script.write_text(KILLED)

    def run(step: int) -> tuple[int, str, Path]:
        folder = tmp_path / f"step {step}"
        shutil.copytree(house.data_dir, folder)
        done = subprocess.run(
            [sys.executable, str(script), str(folder / "backups" / file_of(house, backup).name), str(step)],
            cwd=ROOT,
            env={**environment(folder), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr, folder

    code, output, folder = run(0)
    assert code == 0, output
    steps = int(output.split()[-1])
    assert steps > 10
    outcomes = set()
    for step in sorted({1, steps // 3, 2 * steps // 3, *range(steps - 5, steps + 1)}):
        code, output, folder = run(step)
        assert code == -signal.SIGKILL, output
        bodies = [body for _id, body in database(folder)]
        assert SENTENCE in bodies
        outcomes.add("old" if LATER in bodies else "new")
        after = House(folder)
        assert after.client("ada").get("/").status_code == 200
        assert after.act(audit.verify) is None
        assert all(files.exists(folder, each) for each in stored_files(after))
        restore(after, file_of(house, backup), own_keys(house))
        assert LATER not in said_in(after)
        close(after)
        shutil.rmtree(folder)
    assert "old" in outcomes
