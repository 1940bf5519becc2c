"""A device that nobody signs out is signed out by the clock, and its live connection with it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from homechat import clock
from homechat.accounts.models import LoginSession
from homechat.database import transaction
from tests.conftest import GENEROUS_LIMITS
from tests.house import House
from tests.server_process import ServerProcess
from tests.talkers import Talker

pytestmark = pytest.mark.sockets

OFTEN = {**GENEROUS_LIMITS, "HOMECHAT_EPOCH_POLL_SECONDS": "0.05"}


def test_an_expired_device_hears_nothing_more(house: House) -> None:
    with ServerProcess(house.data_dir, OFTEN) as server:
        ben = Talker(server.url, "ben").sign_in().connect()

        _change_sessions(house, "ben", expires_at=clock.now() - timedelta(seconds=1))

        assert ben.hear("session:ended")["reason"] == "revoked"
        assert ben.ended.wait(10)


def test_talking_keeps_a_device_signed_in(house: House) -> None:
    with ServerProcess(house.data_dir, OFTEN) as server:
        ben = Talker(server.url, "ben").sign_in().connect()
        long_ago = clock.now() - timedelta(minutes=5)
        _change_sessions(house, "ben", last_seen_at=long_ago)

        assert ben.send("room:list", {})["ok"] is True

        with house.rows() as session:
            row = session.scalars(sa.select(LoginSession).order_by(LoginSession.id.desc())).first()
            assert row.last_seen_at > long_ago
        ben.close()


def _change_sessions(house: House, name: str, **values: object) -> None:
    user_id = house.id_of(name)
    with house.app.app_context(), transaction() as session:
        session.execute(sa.update(LoginSession).where(LoginSession.user_id == user_id).values(**values))
