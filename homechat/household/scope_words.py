"""What the scopes of API tokens allow, in words."""

from __future__ import annotations

from flask_babel import gettext as _

from homechat.security.policy import Scope


def scope_words() -> dict[str, str]:
    """Return what each scope allows, in the reader's words."""
    return {
        Scope.MESSAGES_READ: _("Read conversations"),
        Scope.MESSAGES_WRITE: _("Write messages"),
        Scope.MEDIA_WRITE: _("Send files"),
        Scope.CHANNELS_READ: _("See which rooms there are"),
        Scope.CHANNELS_WRITE: _("Make, join and leave rooms"),
        Scope.MEMBERS_READ: _("See who is in a room"),
        Scope.SEARCH: _("Search"),
        Scope.USERS_READ: _("Look people up"),
        Scope.BOTS_WRITE: _("Make and change bots"),
        Scope.ADMIN_READ: _("See accounts, settings and the audit log"),
        Scope.ADMIN_WRITE: _("Run the house: accounts and settings"),
    }
