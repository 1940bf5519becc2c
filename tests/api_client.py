"""Programs that come to the API with a token, and the tokens that they come with."""

from __future__ import annotations

from typing import Any

from homechat.accounts.token_models import ApiToken
from homechat.actor import Actor, Role
from homechat.household.tokens import create_token
from homechat.security.policy import SCOPES, Scope
from tests.house import PASSWORD, House


def new_token(house: House, name: str, *scopes: str, **more: Any) -> tuple[ApiToken, str]:
    """Make a token of somebody's as the operator does; return it and how it is spelled. Reads messages unless told."""
    made: tuple[ApiToken, str] = house.act(
        create_token,
        Actor.operator(),
        name=more.pop("called", "A script"),
        scopes=scopes or (Scope.MESSAGES_READ.value,),
        owner_id=house.id_of(name),
        **more,
    )
    return made


class Program:
    """A program with a token, or with none. It keeps no cookies."""

    def __init__(self, house: House, token: str = "", *, header: str = "Authorization") -> None:
        self.house = house
        self.token = token
        self._header = header
        self.client = house.app.test_client(use_cookies=False)

    def ask(self, method: str, path: str, *, base_url: str = "https://localhost", **kwargs: Any) -> Any:
        """Send one request to the API and return the reply."""
        headers = dict(kwargs.pop("headers", {}))
        if self.token:
            headers[self._header] = f"Bearer {self.token}" if self._header == "Authorization" else self.token
        return self.client.open(
            f"/api/v1{path}", method=method, base_url=base_url, headers=headers, buffered=True, **kwargs
        )

    def get(self, path: str, **kwargs: Any) -> Any:
        return self.ask("GET", path, **kwargs)

    def post(self, path: str, json: Any = None, **kwargs: Any) -> Any:
        return self.ask("POST", path, json=json, **kwargs)

    def patch(self, path: str, json: Any = None, **kwargs: Any) -> Any:
        return self.ask("PATCH", path, json=json, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> Any:
        return self.ask("DELETE", path, **kwargs)

    def sign_in(
        self, name: str, password: str = PASSWORD, *, request: dict[str, Any] | None = None, **more: Any
    ) -> Any:
        """Sign in, and go on with the token that comes of it. request: how it is sent, such as `headers`."""
        reply = self.post("/signin", {"username": name, "password": password, **more}, **(request or {}))
        self.token = reply.json.get("token", self.token)
        return reply


def program_of(house: House, name: str, *scopes: str, **more: Any) -> Program:
    """Return a program with a token of somebody's that may do all that a member's may, unless told."""
    given = scopes or sorted(SCOPES[Role.BOT] if more.get("as_bot") else SCOPES[Role.MEMBER])
    return Program(house, new_token(house, name, *given, **more)[1])


def app_of(house: House, name: str) -> Program:
    """Return an app in which somebody has signed in; guests have no other way."""
    app = Program(house)
    assert app.sign_in(name).status_code == 200
    return app
