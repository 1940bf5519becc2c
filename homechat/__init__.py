"""HomeChat: a chat for one household, on its own small box."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from homechat.config import Settings


def create_app(
    settings: Settings | None = None, *, async_mode: str = "threading", commands: bool = True
) -> Flask:
    """Return the application; see `homechat.app`, its table of contents.

    It is imported only now: the server must patch the standard library before Flask is imported.
    """
    from homechat.app import build_app

    return build_app(settings, async_mode=async_mode, commands=commands)
