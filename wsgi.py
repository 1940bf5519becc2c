"""Lets a bare `flask …` find the application from the top of the checkout."""

from homechat import create_app

__all__ = ["create_app"]
