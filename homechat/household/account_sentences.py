"""What the audit log says, in plain words, for the person whom it concerns."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import lazy_gettext as _

from homechat.audit import Action


@dataclass(frozen=True)
class Sentences:
    """One act as its reader is told of it.

    mine: they did it, with their own account or something of the house.  by: `who` did it, and it concerns them.
    other: they did it to the account of `whom`, or to something of theirs; None where nobody can.
    """

    mine: object
    by: object
    other: object | None = None


LOCKED_BY_GUESSING = _("Your account was locked for a while where somebody had guessed too often.")

SENTENCES: dict[Action, Sentences] = {
    Action.HOUSE_FOUNDED: Sentences(
        _("You founded the house."), _("%(who)s founded the house, with you to run it.")
    ),
    Action.LOGIN: Sentences(_("You signed in."), _("%(who)s signed in to your account.")),
    Action.LOGIN_FAILED: Sentences(
        _("You typed a wrong password."), _("%(who)s tried to sign in to your account and failed.")
    ),
    Action.LOGOUT: Sentences(_("You signed out."), _("%(who)s signed you out.")),
    Action.PASSWORD_CHANGE: Sentences(_("You changed your password."), _("%(who)s changed your password.")),
    Action.PASSWORD_RESET: Sentences(
        _("You set a new password with a reset link."),
        _("%(who)s set a new password for your account with a reset link."),
    ),
    Action.RESET_LINK_CREATED: Sentences(
        _("You made a reset link for yourself."),
        _("%(who)s made a reset link for you, to set a new password."),
        _("You made a reset link for %(whom)s."),
    ),
    Action.TWO_FACTOR_ENABLED: Sentences(
        _("You turned your second step on."), _("%(who)s turned on the second step of your account.")
    ),
    Action.TWO_FACTOR_DISABLED: Sentences(
        _("You turned your second step off."),
        _("%(who)s took the second step of your account away."),
        _("You took the second step of %(whom)s away."),
    ),
    Action.TWO_FACTOR_FAILED: Sentences(
        _("You typed a wrong code."), _("%(who)s knew your password and typed a wrong code.")
    ),
    Action.RECOVERY_CODE_USED: Sentences(
        _("You used a recovery code."), _("%(who)s used one of your recovery codes.")
    ),
    Action.RECOVERY_CODES_CREATED: Sentences(
        _("You got new recovery codes."), _("%(who)s made new recovery codes for your account.")
    ),
    Action.PASSKEY_ADDED: Sentences(_("You added a passkey."), _("%(who)s added a passkey to your account.")),
    Action.PASSKEY_REMOVED: Sentences(
        _("You removed a passkey."),
        _("%(who)s removed a passkey of yours."),
        _("You removed a passkey of %(whom)s."),
    ),
    Action.API_TOKEN_CREATED: Sentences(
        _("You made a token for a program."),
        _("%(who)s made a token for you."),
        _("You made a token for %(whom)s."),
    ),
    Action.API_TOKEN_ROTATED: Sentences(
        _("You replaced a token by a new one."),
        _("%(who)s replaced a token of yours by a new one."),
        _("You replaced a token of %(whom)s by a new one."),
    ),
    Action.API_TOKEN_REVOKED: Sentences(
        _("You revoked a token."),
        _("%(who)s revoked a token of yours."),
        _("You revoked a token of %(whom)s."),
    ),
    Action.API_REQUEST: Sentences(
        _("A program used a token of yours."), _("A program used a token of yours, as %(who)s.")
    ),
    Action.BOT_CREATED: Sentences(
        _("You made a bot."), _("%(who)s made a bot for you."), _("You made a bot for %(whom)s.")
    ),
    Action.BOT_CHANGED: Sentences(
        _("You changed a bot."), _("%(who)s changed a bot of yours."), _("You changed a bot of %(whom)s.")
    ),
    Action.BOT_DELETED: Sentences(
        _("You deleted a bot."), _("%(who)s deleted a bot of yours."), _("You deleted a bot of %(whom)s.")
    ),
    Action.ACCOUNT_LOCKED: Sentences(
        _("You locked your account."), _("%(who)s locked your account."), _("You locked %(whom)s out.")
    ),
    Action.ACCOUNT_UNLOCKED: Sentences(
        _("You unlocked your account."),
        _("%(who)s unlocked your account."),
        _("You let %(whom)s in again."),
    ),
    Action.SESSION_REVOKED: Sentences(
        _("You signed out another device."),
        _("%(who)s signed out a device of yours."),
        _("You signed out a device of %(whom)s."),
    ),
    Action.INVITE_CREATED: Sentences(_("You made an invitation."), _("%(who)s made an invitation for you.")),
    Action.INVITE_REVOKED: Sentences(
        _("You took back an invitation."), _("%(who)s took back an invitation of yours.")
    ),
    Action.INVITE_USED: Sentences(
        _("You moved in with an invitation."), _("%(who)s moved in with an invitation of yours.")
    ),
    Action.PERSON_CREATED: Sentences(
        _("Your account was made."),
        _("%(who)s made your account."),
        _("You made an account for %(whom)s."),
    ),
    Action.PERSON_APPROVED: Sentences(
        _("You were let into the house."), _("%(who)s let you into the house."), _("You let %(whom)s in.")
    ),
    Action.PERSON_REFUSED: Sentences(
        _("You were not let in."), _("%(who)s did not let you in."), _("You did not let %(whom)s in.")
    ),
    Action.ROLE_CHANGE: Sentences(
        _("You changed what you may do here."),
        _("%(who)s changed what you may do here."),
        _("You changed what %(whom)s may do here."),
    ),
    Action.ROOM_CREATED: Sentences(_("You made a room."), _("%(who)s made a room for you.")),
    Action.ROOM_CHANGED: Sentences(
        _("You changed a room."),
        _("%(who)s made you an owner of a room."),
        _("You made %(whom)s an owner of a room."),
    ),
    Action.ROOM_ARCHIVED: Sentences(_("You archived a room."), _("%(who)s archived a room of yours.")),
    Action.MEMBER_ADDED: Sentences(
        _("You joined a room."), _("%(who)s added you to a room."), _("You added %(whom)s to a room.")
    ),
    Action.MEMBER_REMOVED: Sentences(
        _("You left a room."),
        _("%(who)s took you out of a room."),
        _("You took %(whom)s out of a room."),
    ),
    Action.MESSAGE_DELETED_BY_ADMIN: Sentences(
        _("You deleted a message."),
        _("%(who)s deleted a message of yours."),
        _("You deleted a message of %(whom)s."),
    ),
    Action.SETTINGS_CHANGE: Sentences(
        _("You changed a setting of the house."), _("%(who)s changed a setting that concerns you.")
    ),
    Action.SECRETS_ROTATED: Sentences(
        _("You gave the house new keys for its secrets."),
        _("%(who)s gave the house new keys for its secrets."),
    ),
    Action.EXPORT: Sentences(
        _("You took data out of the house."),
        _("%(who)s took data of yours out of the house."),
        _("You took data of %(whom)s out of the house."),
    ),
    Action.BACKUP: Sentences(
        _("You had a backup of the house made or tried."),
        _("%(who)s had a backup of the house made or tried."),
    ),
    Action.RESTORE: Sentences(
        _("You put a backup in the place of the house."), _("%(who)s put a backup in the place of the house.")
    ),
    Action.AUDIT_PRUNED: Sentences(
        _("You deleted old entries of the audit log."), _("%(who)s deleted old entries of the audit log.")
    ),
    Action.AUDIT_CHECKED: Sentences(
        _("You looked whether the audit log is whole."), _("%(who)s looked whether the audit log is whole.")
    ),
    Action.LOCKDOWN: Sentences(_("You closed the house."), _("%(who)s closed the house.")),
    Action.LOCKDOWN_LIFTED: Sentences(_("You opened the house again."), _("%(who)s opened the house again.")),
    Action.ADMIN_ACTION: Sentences(
        _("You changed something about your account."),
        _("%(who)s changed something about your account."),
        _("You changed something about the account of %(whom)s."),
    ),
}
