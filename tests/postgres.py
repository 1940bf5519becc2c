"""A real PostgreSQL server for the tests that need one: unprivileged, on a socket in a folder of its own.

And a house on it.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import flask_migrate
import psycopg2
import pytest

from homechat import paths
from homechat.accounts.actions import NewPerson
from homechat.actor import Actor, Role
from homechat.config import ensure_data_folder
from homechat.household.founding import create_person_from_shell
from tests.house import PASSWORD, House

START_SECONDS = 60
OWNER = "homechat"


@dataclass(frozen=True)
class PostgresServer:
    """One cluster, listening on a UNIX socket only, so that nobody else on the network or the machine gets in."""

    binaries: Path
    folder: Path
    runs_as: str | None

    def start(self) -> None:
        data, socket = self.folder / "data", self.folder / "socket"
        self._run(
            "initdb", "-D", data, "-U", OWNER, "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"
        )
        options = f"-c listen_addresses='' -c unix_socket_directories='{socket}' -c fsync=off"
        log = self.folder / "log"
        self._run("pg_ctl", "start", "-w", "-t", START_SECONDS, "-D", data, "-l", log, "-o", options)

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "-m", "immediate", "-D", self.folder / "data")

    def run_sql(self, statement: str) -> None:
        """Run a statement that concerns the whole server, outside of any transaction."""
        connection = psycopg2.connect(host=self.folder / "socket", user=OWNER, dbname="postgres")
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()

    def url(self, database: str) -> str:
        return f"postgresql:///{database}?host={self.folder}/socket&user={OWNER}"

    def _run(self, program: str, *arguments: object) -> None:
        # PostgreSQL refuses to run as root.
        prefix = ["runuser", "-u", self.runs_as, "--"] if self.runs_as else []
        subprocess.run(
            [*prefix, str(self.binaries / program), *map(str, arguments)],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=2 * START_SECONDS,
            check=True,
        )


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The one server of a test run; left out where no PostgreSQL is installed."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed here (Debian: apt install postgresql)")
    runs_as = somebody_unprivileged() if os.geteuid() == 0 else None
    # Not in pytest's own folders: those are closed to the user that the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="homechat-postgres-"))
    (folder / "socket").mkdir(mode=0o700)
    for path in (folder, folder / "socket"):
        if runs_as:
            shutil.chown(path, runs_as)
    server = PostgresServer(binaries, folder, runs_as)
    try:
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of an empty database of this test's own."""
    name = f"house_{next(_numbers)}"
    postgres_server.run_sql(f"CREATE DATABASE {name}")
    yield postgres_server.url(name)
    postgres_server.run_sql(f"DROP DATABASE {name} WITH (FORCE)")


def empty_house(database_url: str, data_dir: Path) -> House:
    """Return a migrated house on PostgreSQL in which nobody lives yet."""
    data_dir.mkdir(mode=0o700)
    house = House(data_dir, database_url=database_url)
    with house.app.app_context():
        flask_migrate.upgrade(directory=str(paths.MIGRATIONS))
    return house


def move_in(house: House) -> House:
    """Have Ada (admin), Ben and Cleo (members) live in an empty house, and return it."""
    ensure_data_folder(house.settings)  # The key of its secrets.
    for name, role in (("ada", Role.ADMIN), ("ben", Role.MEMBER), ("cleo", Role.MEMBER)):
        new = NewPerson(name, name.title(), PASSWORD)
        house.act(create_person_from_shell, Actor.operator(), new, role=role)
    return house


def find_binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL: Debian keeps its server programs off the PATH."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda folder: float(folder.parent.name))
    program = shutil.which("initdb")
    return Path(program).resolve().parent if program else None


def somebody_unprivileged() -> str:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    pytest.skip("PostgreSQL does not run as root, and there is no user postgres or nobody here")


_numbers = itertools.count(1)
