"""A house with the cast: Ada (admin), Ben, Cleo (members), Gus (guest, in home), Rex (bot), Olga (guest, in none)."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pyotp
from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache

from homechat import clock, create_app
from homechat.accounts import recovery_codes, sessions, two_factor
from homechat.accounts.actions import NewPerson, create_person
from homechat.accounts.models import User
from homechat.accounts.queries import person_named
from homechat.actor import Actor, Door, Role
from homechat.config import Settings, ensure_data_folder
from homechat.database import db, transaction
from homechat.household.founding import create_person_from_shell
from homechat.messages.actions import send_message
from homechat.rooms.actions import create_room, start_direct
from homechat.rooms.membership import add_members, welcome_home
from homechat.rooms.models import Room
from homechat.rooms.queries import home_room
from homechat.security import passwords
from homechat.security.policy import RoomKind
from homechat.security.tokens import digest_of, new_token
from tests import secrets_used
from tests.server_process import prepare_house

T = TypeVar("T")

PASSWORD = "grey otters hum at noon"
secrets_used.remember(PASSWORD)
CAST = {
    "ada": Role.ADMIN,
    "ben": Role.MEMBER,
    "cleo": Role.MEMBER,
    "gus": Role.GUEST,
    "rex": Role.BOT,
    "olga": Role.GUEST,
}
GENEROUS = {
    "sign_in_limit": "1000/minute",
    "sign_in_address_limit": "1000/minute",
    "sign_up_limit": "1000/minute",
    "messages_per_minute": 10_000,
}


class CompiledTemplates(BytecodeCache):
    """Templates that a house before this one has compiled already; that is half of the time of a short test."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        known = self._known.get((bucket.key, bucket.checksum))
        if known is not None:
            bucket.bytecode_from_string(known)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._known[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


_templates = CompiledTemplates()


class House:
    """One house on disk and the application over it. Nothing is pushed between calls: each call has its own context."""

    def __init__(self, data_dir: Path, **settings: Any) -> None:
        self.data_dir = data_dir
        given = {"public_url": "http://localhost", **GENEROUS, **settings}
        self.settings = Settings(data_dir=data_dir, secret_key="s" * 64, **given)
        self.app: Flask = create_app(self.settings)
        self.app.jinja_env.bytecode_cache = _templates

    def act(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call an action or query as a door would, in a context of its own."""
        with self.app.app_context():
            answer = function(*args, **kwargs)
        secrets_used.remember_tokens(answer)
        return answer

    def actor(self, name: str, door: Door = Door.PAGE) -> Actor:
        """Return a member of the cast as an actor."""
        person = self.person(name)
        return Actor(user_id=person.id, role=Role(person.role), door=door, address="192.0.2.7")

    def person(self, name: str) -> User:
        person = self.act(person_named, name)
        assert person is not None, f"{name} does not live here"
        return person

    def id_of(self, name: str) -> int:
        return self.person(name).id

    def home(self) -> Room:
        return self.act(home_room)

    def room(
        self, owner: str, *others: str, name: str = "Garden", kind: RoomKind = RoomKind.PRIVATE, **more: Any
    ) -> int:
        """Make a room and return its id."""
        ids = [self.id_of(other) for other in others]
        return self.act(create_room, self.actor(owner), name=name, kind=kind, member_ids=ids, **more).id

    def direct(self, name: str, *others: str) -> int:
        return self.act(start_direct, self.actor(name), [self.id_of(other) for other in others]).id

    def add(self, who: str, room_id: int, *names: str) -> None:
        self.act(add_members, self.actor(who), room_id, [self.id_of(name) for name in names])

    def say(self, name: str, room_id: int, body: str, client_id: str = "") -> int:
        """Send a message and return its place in the room."""
        client_id = client_id or f"test-{next(_numbers):08d}"
        return self.act(send_message, self.actor(name), room_id=room_id, body=body, client_id=client_id).seq

    def client(self, name: str | None = None) -> Browser:
        """Return a browser without a screen; signed in as `name` unless None."""
        browser = Browser(self)
        if name is not None:
            user = self.person(name)
            actor = replace(self.actor(name), browser_digest=digest_of(known := new_token()))
            token = self.act(sessions.open_session, actor, user)
            cookie = self.settings.session_cookie_name
            browser.client.set_cookie(cookie, token, secure=True, path="/")
            browser.client.set_cookie(f"{cookie}-browser", known, secure=True, path="/")
        return browser

    def turn_on_second_step(self, name: str) -> tuple[str, list[str]]:
        """Give `name` an authenticator app; return its secret and the recovery codes. Their devices are signed out."""
        setup = self.act(two_factor.setup_for, self.person(name))
        code, codes = code_now(setup.secret), recovery_codes.new_codes()
        secrets_used.remember(*codes)
        with self.app.app_context():
            rows = recovery_codes.hashed(codes)
            with transaction():
                person = person_named(name)
                assert person is not None
                two_factor.confirm(self.actor(name), person, code, sealed=setup.sealed, codes=rows)
        return setup.secret, codes

    @contextmanager
    def rows(self) -> Iterator[Any]:
        """Look into the tables."""
        with self.app.app_context():
            yield db.session


def code_now(secret: str) -> str:
    """Return what an authenticator app with this secret shows at this moment of the house's clock."""
    return pyotp.TOTP(secret.replace(" ", "")).at(clock.now())


def next_code(secret: str) -> str:
    """Return what it will show in 30 seconds: the house takes it already, and it is later than the one before."""
    return pyotp.TOTP(secret.replace(" ", "")).at(clock.now() + timedelta(seconds=30))


class Browser:
    """Flask's test client with the form token filled in, over https so that `Secure` cookies travel.

    Each reply is read to its end and closed, as a real server does.
    """

    def __init__(self, house: House) -> None:
        self.house = house
        self.client: FlaskClient = house.app.test_client()
        self._known: tuple[str, str] | None = None

    def get(self, path: str, **kwargs: Any) -> Any:
        return self.client.get(path, base_url="https://localhost", buffered=True, **kwargs)

    def post(
        self, path: str, data: dict[str, Any] | None = None, *, form_on: str | None = None, **kwargs: Any
    ) -> Any:
        """Submit a form: its token is read from the page `form_on`, as a browser would; or is that of another form.

        All forms of one browser have the same token, for as long as it has the same cookie for them.
        """
        token = self.form_token(form_on) if form_on else self._any_token()
        headers = {"Referer": "https://localhost/", **kwargs.pop("headers", {})}
        return self.client.post(
            path,
            data={"csrf_token": token, **(data or {})},
            base_url="https://localhost",
            headers=headers,
            buffered=True,
            **kwargs,
        )

    def form_token(self, page: str) -> str:
        html = self.get(page, follow_redirects=True).get_data(as_text=True)
        found = re.search(r'name="csrf_token" value="([^"]+)"', html)
        assert found, f"no form on {page}"
        return found[1]

    def _any_token(self) -> str:
        name = f"{self.house.settings.session_cookie_name}-form"
        cookie = self.client.get_cookie(name, path=self.house.settings.path_prefix or "/")
        if self._known is None or cookie is None or self._known[0] != cookie.value:
            token = self.form_token("/me")
            cookie = self.client.get_cookie(name, path=self.house.settings.path_prefix or "/")
            self._known = (cookie.value, token) if cookie is not None else None
            return token
        return self._known[1]


def build_cast(data_dir: Path) -> None:
    """Put the cast into an empty house."""
    prepare_house(data_dir)
    house = House(data_dir)
    ensure_data_folder(house.settings)  # Its encryption key, which whoever serves it shares with us.
    with house.app.app_context():
        password_hash = passwords.hash_password(PASSWORD)
        create_person_from_shell(Actor.operator(), NewPerson("ada", "Ada", PASSWORD), role=Role.ADMIN)
        for name, role in list(CAST.items())[1:]:
            with transaction():
                new = NewPerson(name, name.title(), PASSWORD)
                welcome_home(create_person(Actor.operator(), new, role=role, password_hash=password_hash))
        ada = person_named("ada")
        gus = person_named("gus")
        assert ada is not None
        assert gus is not None
        actor = Actor(ada.id, Role.ADMIN, Door.PAGE)
        add_members(actor, home_room().id, [gus.id])
        db.engine.dispose()


def copy_house(source: Path, target: Path) -> Path:
    shutil.copytree(source, target, dirs_exist_ok=True)
    target.chmod(0o700)
    return target


def _count() -> Iterator[int]:
    number = 0
    while True:
        number += 1
        yield number


_numbers = _count()
