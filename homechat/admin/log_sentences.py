"""What each entry of the audit log says, for those who run the house."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import lazy_gettext as _

from homechat.audit import Action


@dataclass(frozen=True)
class Sentences:
    """An act in words.

    name: what it is called in a list.  alone: `who` did it, to nobody else.  to: `who` did it, and it concerns `whom`.
    """

    name: object
    alone: object
    to: object | None = None


LOCKED_BY_GUESSING = _("The account of %(whom)s was locked for a while: somebody had guessed too often.")
SIGNED_OUT_EVERYWHERE = _("%(who)s signed %(whom)s out everywhere.")
MOVED_IN = _("%(whom)s made an account.")

SENTENCES: dict[Action, Sentences] = {
    Action.HOUSE_FOUNDED: Sentences(
        _("House founded"),
        _("%(who)s founded the house."),
        _("The house was founded, with %(whom)s to run it."),
    ),
    Action.LOGIN: Sentences(_("Sign-in"), _("%(who)s signed in."), _("%(who)s signed in as %(whom)s.")),
    Action.LOGIN_FAILED: Sentences(
        _("Wrong name or password"),
        _("%(who)s tried to sign in and failed."),
        _("%(who)s tried to sign in as %(whom)s and failed."),
    ),
    Action.LOGOUT: Sentences(_("Sign-out"), _("%(who)s signed out."), _("%(who)s signed %(whom)s out.")),
    Action.PASSWORD_CHANGE: Sentences(
        _("Password changed"),
        _("%(who)s chose a new password."),
        _("%(who)s changed the password of %(whom)s."),
    ),
    Action.PASSWORD_RESET: Sentences(
        _("Password set by a reset link"),
        _("%(who)s set a new password with a reset link."),
        _("A new password was set for %(whom)s, with a reset link."),
    ),
    Action.RESET_LINK_CREATED: Sentences(
        _("Reset link made"), _("%(who)s made a reset link."), _("%(who)s made a reset link for %(whom)s.")
    ),
    Action.TWO_FACTOR_ENABLED: Sentences(
        _("Second step on"),
        _("%(who)s turned their second step on."),
        _("%(whom)s turned the second step on, while signing in."),
    ),
    Action.TWO_FACTOR_DISABLED: Sentences(
        _("Second step off"),
        _("%(who)s turned their second step off."),
        _("%(who)s took the second step of %(whom)s away."),
    ),
    Action.TWO_FACTOR_FAILED: Sentences(
        _("Wrong code"),
        _("%(who)s typed a wrong code."),
        _("%(who)s knew the password of %(whom)s and typed a wrong code."),
    ),
    Action.RECOVERY_CODE_USED: Sentences(
        _("Recovery code used"),
        _("%(who)s used a recovery code."),
        _("A recovery code of %(whom)s was used."),
    ),
    Action.RECOVERY_CODES_CREATED: Sentences(
        _("New recovery codes"),
        _("%(who)s got new recovery codes."),
        _("%(whom)s got new recovery codes."),
    ),
    Action.PASSKEY_ADDED: Sentences(
        _("Passkey added"),
        _("%(who)s added a passkey."),
        _("%(who)s added a passkey to the account of %(whom)s."),
    ),
    Action.PASSKEY_REMOVED: Sentences(
        _("Passkey removed"), _("%(who)s removed a passkey."), _("%(who)s removed a passkey of %(whom)s.")
    ),
    Action.API_TOKEN_CREATED: Sentences(
        _("Token made"), _("%(who)s made a token."), _("%(who)s made a token for %(whom)s.")
    ),
    Action.API_TOKEN_ROTATED: Sentences(
        _("Token replaced"),
        _("%(who)s replaced a token by a new one."),
        _("%(who)s replaced a token of %(whom)s by a new one."),
    ),
    Action.API_TOKEN_REVOKED: Sentences(
        _("Token revoked"), _("%(who)s revoked a token."), _("%(who)s revoked a token of %(whom)s.")
    ),
    Action.API_REQUEST: Sentences(
        _("Token used"), _("A token of %(who)s was used."), _("A token of %(whom)s was used, as %(who)s.")
    ),
    Action.BOT_CREATED: Sentences(
        _("Bot made"), _("%(who)s made a bot."), _("%(who)s made a bot for %(whom)s.")
    ),
    Action.BOT_CHANGED: Sentences(
        _("Bot changed"), _("%(who)s changed a bot."), _("%(who)s changed a bot of %(whom)s.")
    ),
    Action.BOT_DELETED: Sentences(
        _("Bot deleted"), _("%(who)s deleted a bot."), _("%(who)s deleted a bot of %(whom)s.")
    ),
    Action.ACCOUNT_LOCKED: Sentences(
        _("Account locked"), _("%(who)s locked an account."), _("%(who)s locked the account of %(whom)s.")
    ),
    Action.ACCOUNT_UNLOCKED: Sentences(
        _("Account unlocked"),
        _("%(who)s unlocked an account."),
        _("%(who)s unlocked the account of %(whom)s."),
    ),
    Action.SESSION_REVOKED: Sentences(
        _("Device signed out"),
        _("%(who)s signed out another device of theirs."),
        _("%(who)s signed out a device of %(whom)s."),
    ),
    Action.INVITE_CREATED: Sentences(_("Invitation made"), _("%(who)s made an invitation.")),
    Action.INVITE_REVOKED: Sentences(_("Invitation taken back"), _("%(who)s took an invitation back.")),
    Action.INVITE_USED: Sentences(_("Invitation used"), _("%(who)s moved in with an invitation.")),
    Action.PERSON_CREATED: Sentences(
        _("Account made"), _("%(who)s made an account."), _("%(who)s made an account for %(whom)s.")
    ),
    Action.PERSON_APPROVED: Sentences(
        _("Newcomer let in"), _("%(who)s let somebody in."), _("%(who)s let %(whom)s in.")
    ),
    Action.PERSON_REFUSED: Sentences(
        _("Newcomer turned away"), _("%(who)s turned somebody away."), _("%(who)s turned somebody away.")
    ),
    Action.ROLE_CHANGE: Sentences(
        _("Role changed"), _("%(who)s changed a role."), _("%(who)s changed what %(whom)s may do here.")
    ),
    Action.ROOM_CREATED: Sentences(_("Room made"), _("%(who)s made a room.")),
    Action.ROOM_CHANGED: Sentences(
        _("Room changed"), _("%(who)s changed a room."), _("%(who)s made %(whom)s an owner of a room.")
    ),
    Action.ROOM_ARCHIVED: Sentences(_("Room archived"), _("%(who)s archived a room.")),
    Action.MEMBER_ADDED: Sentences(
        _("Came into a room"), _("%(who)s joined a room."), _("%(who)s put %(whom)s into a room.")
    ),
    Action.MEMBER_REMOVED: Sentences(
        _("Left a room"), _("%(who)s left a room."), _("%(who)s took %(whom)s out of a room.")
    ),
    Action.MESSAGE_DELETED_BY_ADMIN: Sentences(
        _("Message of another deleted"),
        _("%(who)s deleted a message."),
        _("%(who)s deleted a message of %(whom)s."),
    ),
    Action.SETTINGS_CHANGE: Sentences(_("Setting changed"), _("%(who)s changed a setting of the house.")),
    Action.SECRETS_ROTATED: Sentences(
        _("New keys for secrets"), _("%(who)s gave the house new keys for its secrets.")
    ),
    Action.EXPORT: Sentences(
        _("Data taken out"), _("%(who)s took data out of the house."), _("%(who)s took data of %(whom)s out.")
    ),
    Action.BACKUP: Sentences(_("Backup"), _("%(who)s had a backup made or tried.")),
    Action.RESTORE: Sentences(_("Backup restored"), _("%(who)s put a backup in the place of the house.")),
    Action.AUDIT_PRUNED: Sentences(_("Old entries deleted"), _("%(who)s deleted old entries of this log.")),
    Action.AUDIT_CHECKED: Sentences(_("Log checked"), _("%(who)s looked whether this log is whole.")),
    Action.LOCKDOWN: Sentences(_("House closed"), _("%(who)s closed the house.")),
    Action.LOCKDOWN_LIFTED: Sentences(_("House opened again"), _("%(who)s opened the house again.")),
    Action.ADMIN_ACTION: Sentences(
        _("Something else by an admin"),
        _("%(who)s changed something about the house."),
        _("%(who)s changed something about the account of %(whom)s."),
    ),
}
