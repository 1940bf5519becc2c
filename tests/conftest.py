"""Fixtures that every test may use: a house with the cast in it, and a real server over one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.house import House, build_cast, copy_house
from tests.server_process import ServerProcess
from tests.talkers import Script, Talker

pytest_plugins = [
    "tests.strict",
    "tests.scheduling",
    "tests.no_secret_in_logs",
    "tests.postgres",
    "tests.redis_server",
]

ASYNC_MODE = os.environ.get("HOMECHAT_TEST_ASYNC_MODE", "eventlet")
GENEROUS_LIMITS = {
    "HOMECHAT_ASYNC_MODE": ASYNC_MODE,
    "HOMECHAT_SIGN_IN_LIMIT": "1000/minute",
    "HOMECHAT_SIGN_IN_ADDRESS_LIMIT": "1000/minute",
    "HOMECHAT_SIGN_UP_LIMIT": "1000/minute",
    "HOMECHAT_MESSAGES_PER_MINUTE": "10000",
}


@pytest.fixture(autouse=True)
def _own_umask() -> Iterator[None]:
    """A house makes its process's files private; what the tests make after it stays as it was."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def cast_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A house with the cast in it, made once; copy it, never open it."""
    folder = tmp_path_factory.mktemp("cast") / "data"
    build_cast(folder)
    return folder


@pytest.fixture
def house(cast_folder: Path, tmp_path: Path) -> Iterator[House]:
    """A house of this test's own, with the cast in it."""
    house = House(copy_house(cast_folder, tmp_path / "data"))
    yield house
    close(house)


@pytest.fixture
def server(cast_folder: Path, tmp_path: Path) -> Iterator[ServerProcess]:
    """A real server of this test's own over a house with the cast in it; `house_of(server)` looks into it."""
    with ServerProcess(copy_house(cast_folder, tmp_path / "served" / "data"), GENEROUS_LIMITS) as process:
        yield process


@pytest.fixture(scope="module")
def shared_server(cast_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A real server that the tests of a module share; each makes rooms of its own."""
    folder = copy_house(cast_folder, tmp_path_factory.mktemp("shared") / "data")
    with ServerProcess(folder, GENEROUS_LIMITS) as process:
        yield process


@pytest.fixture
def shared_house(shared_server: ServerProcess) -> Iterator[House]:
    """The house behind `shared_server`, from another process: what is announced here reaches no socket there."""
    house = House(shared_server.data_dir)
    yield house
    close(house)


@pytest.fixture
def talker(shared_server: ServerProcess) -> Iterator[Callable[[str], Talker]]:
    """Makes people who are signed in and connected to the shared server."""
    made: list[Talker] = []

    def make(name: str, *, connect: bool = True) -> Talker:
        person = Talker(shared_server.url, name).sign_in()
        made.append(person)
        return person.connect() if connect else person

    yield make
    for person in made:
        person.close()


@pytest.fixture
def script(shared_server: ServerProcess) -> Iterator[Callable[[str], Script]]:
    """Makes programs that come to the shared server with a token, not connected yet."""
    made: list[Script] = []

    def make(token: str) -> Script:
        made.append(Script(shared_server.url, token))
        return made[-1]

    yield make
    for one in made:
        one.close()


def close(house: House) -> None:
    with house.rows() as session:
        session.remove()
        house.app.extensions["sqlalchemy"].engine.dispose()
