"""The words that scripts say in the browser, in the language of whoever reads the page.

Every page carries them as JSON in `data-words`, and static/js/lib/words.js says them, as in
`say("typing.one", { name })`, which fills in `{name}`. Keys, by what uses them:

- message.*     one bubble: `deleted`, `edited`; how far one's own has come: `waiting`, `sent`, `read`,
                `failed`; on a refused one `refused` (where the server gave no sentence), `retry`, `discard`,
                `take_back` (its words and files, to be changed)
- messages.*    the conversation: `new` (the line above unread); for screen readers `announced` (the name of
                the log), `announcement` {name} {text}, `arrived` {count}
- history.*     loading upwards: `loading`, `failed`
- composer.*    the counter near the limit: `left` {count}, `too_many` {count}; the strip above the box:
                `answering` {name}, `editing`, `cancel`
- menu.*        what can be done with a message: `title` (its name), `react`, `other` (any emoji) and `other_hint`,
                `reply`, `edit`, `copy`, `delete`; before deleting `delete_question`, `delete_now`, `keep`; after
                copying `copied`, `not_copied`
- change.*      what was to be done with a message came to nothing: `unreachable`
- reaction.*    one below a message: `by` {emoji} {names}, `you` (among the names), `people` {emoji} {count}
- quote.*       what a message answers: `earlier` (from before a newcomer came, so nobody is shown it)
- card.*        what is asked with a message: `ack` (its button), `seen` and `waiting` {names}, `seen_and_waiting`
                {seen} {waiting}; when it is over `not_seen` {names}, `seen_and_not` {seen} {waiting}; below buttons
                `first_counts`; its end `until`, `over`, `nobody`; before a tap that is asked about `sure`, `cancel`
- files.*       above the composer: `list` (its name), `remove` {name}; how they stand, `sending`, `waiting`, `ready`
                {count}, and on each that waits `waits`; why one is not there: `too_many` {count}, `too_large` {size},
                `too_big`, `empty`, `no_space`, `failed`; why the message does not go, `refused` {count}; in lists, and
                read out, `count` {count}; in a message that waits for them `under_way` {count}, and when they are not
                on the device any more `gone`; before a page is left that alone has them `leave`
- viewer.*      one picture of several, as large as the screen: `place` {number} {count}
- typing.*      `one` {name}, `two` {first} {second}, `several`
- password.*    at a password's field: `show` (a button), `caps_lock`
- strength.*    under a new password: how good it is, `refused`, `fair`, `good`, `strong`; why it will be refused,
                `short` {count}, `long` {count}, `pattern`, `name`, `common`; what would help, `add_word`,
                `add_characters`
- link.*        beside a link to pass on: `copy`, `copied`, `by_hand` (when copying failed), `share`
- code.*        beside lines to copy: `by_hand` (when copying failed)
- device.*      a sign-in on a new device: `added` {device}, `look`
- passkey.*     beside a button for passkeys, when it came to nothing: `cancelled` and `not_made` (by the person, or
                it took too long), `known` (this device has one already), `failed`
- connection.*  the pill: `connecting`, `offline`, `back`, `outdated`, `reload`, `ended` (for no reason we know)
- ended.*       the pill's last word, by the reason of session:ended: `signed_out`, `revoked`, `role_changed`,
                `password_changed`, `locked_down`
- newcomers.*   beside the way to invitations: `waiting` {count}
"""

from __future__ import annotations

from flask_babel import get_locale, ngettext
from flask_babel import gettext as _

Plurals = dict[str, str]

# Between them, whole numbers of every plural category of every language (CLDR, plural rules).
_SAMPLES = (0, 1, 2, 3, 5, 6, 7, 11, 20, 21, 100, 1_000_000)


def words() -> dict[str, str | Plurals]:
    """Return every text of the scripts by key, translated.

    A text with a count comes as its plural forms by CLDR category.
    """
    return {
        "message.deleted": _("This message was deleted."),
        "message.edited": _("edited"),
        "message.waiting": _("Waiting to be sent"),
        "message.sent": _("Sent"),
        "message.read": _("Read"),
        "message.failed": _("Not sent"),
        "message.refused": _("This message could not be sent."),
        "message.retry": _("Try again"),
        "message.discard": _("Delete"),
        "message.take_back": _("Take back"),
        "messages.new": _("New messages"),
        "messages.announced": _("News in this conversation"),
        "messages.announcement": _("{name}: {text}"),
        "messages.arrived": _plural("{count} new message", "{count} new messages"),
        "history.loading": _("Loading older messages…"),
        "history.failed": _("Couldn't load older messages. Try again."),
        "composer.left": _plural("{count} character left", "{count} characters left"),
        "composer.too_many": _plural("{count} character too many", "{count} characters too many"),
        "composer.answering": _("Reply to {name}"),
        "composer.editing": _("Editing your message"),
        "composer.cancel": _("Cancel"),
        "menu.title": _("About this message"),
        "menu.react": _("React"),
        "menu.other": _("Another emoji"),
        "menu.other_hint": _("Not here? Type it or paste it:"),
        "menu.reply": _("Reply"),
        "menu.edit": _("Edit"),
        "menu.copy": _("Copy the text"),
        "menu.delete": _("Delete"),
        "menu.delete_question": _("Delete this message for everybody? It can't be brought back."),
        "menu.delete_now": _("Yes, delete"),
        "menu.keep": _("Keep it"),
        "menu.copied": _("Copied"),
        "menu.not_copied": _("That couldn't be copied. Select the words and copy them yourself."),
        "change.unreachable": _("HomeChat can't be reached right now. Try again in a moment."),
        "reaction.by": _("{emoji} {names}"),
        "reaction.you": _("you"),
        "reaction.people": _plural("{emoji} {count} person", "{emoji} {count} people"),
        "quote.earlier": _("An earlier message"),
        "card.ack": _("Got it"),
        "card.seen": _("Seen by {names}"),
        "card.waiting": _("Waiting for {names}"),
        "card.seen_and_waiting": _("Seen by {seen}; waiting for {waiting}"),
        "card.not_seen": _("Not seen by {names}"),
        "card.seen_and_not": _("Seen by {seen}; not seen by {waiting}"),
        "card.first_counts": _("The first tap counts for everybody."),
        "card.until": _("Open until"),
        "card.over": _("Expired"),
        "card.nobody": _("Nobody answered."),
        "card.sure": _("Are you sure?"),
        "card.cancel": _("Cancel"),
        "files.list": _("Files to send"),
        "files.remove": _("Remove {name}"),
        "files.too_many": _plural("A message takes {count} file.", "A message takes up to {count} files."),
        "files.too_large": _("This file is larger than {size}."),
        "files.too_big": _("This file is too large."),
        "files.empty": _("This file is empty."),
        "files.no_space": _("The house has hardly any room left for files. Tell whoever runs it."),
        "files.failed": _("This file didn't arrive."),
        "files.waits": _("Waits for the network."),
        "files.gone": _("One of the files is not here any more. Attach it once more."),
        "files.refused": _plural(
            "{count} file can't be sent. Take it out, then send.",
            "{count} files can't be sent. Take them out, then send.",
        ),
        "files.leave": _("The files of your message are not sent yet, and would be lost. Leave anyway?"),
        "files.count": _plural("{count} file", "{count} files"),
        "viewer.place": _("{number} of {count}"),
        "files.sending": _plural("{count} file is being prepared…", "{count} files are being prepared…"),
        "files.waiting": _plural(
            "{count} file, waits for the network", "{count} files, wait for the network"
        ),
        "files.ready": _plural("{count} file, ready to send", "{count} files, ready to send"),
        "files.under_way": _plural("Sending {count} file…", "Sending {count} files…"),
        "typing.one": _("{name} is writing…"),
        "typing.two": _("{first} and {second} are writing…"),
        "typing.several": _("Several people are writing…"),
        "password.show": _("Show"),
        "password.caps_lock": _("Caps lock is on."),
        "strength.refused": _("Not yet."),
        "strength.fair": _("It will do."),
        "strength.good": _("Good."),
        "strength.strong": _("Strong."),
        "strength.short": _plural("{count} more character, please.", "{count} more characters, please."),
        "strength.long": _plural("It is {count} character too long.", "It is {count} characters too long."),
        "strength.pattern": _("That is a simple pattern. Use a few words in a row."),
        "strength.name": _("It is too close to a name that others know. Use a few words in a row."),
        "strength.common": _("It is one of the first that others would try. Use a few words in a row."),
        "strength.add_word": _("Add another word."),
        "strength.add_characters": _("Add a few more characters."),
        "link.copy": _("Copy"),
        "link.copied": _("Copied"),
        "link.by_hand": _("That didn't work. The link is selected, so you can copy it yourself."),
        "code.by_hand": _("That didn't work. The lines are selected, so you can copy them yourself."),
        "link.share": _("Share"),
        "device.added": _("New sign-in: {device}. Was that you?"),
        "device.look": _("Take a look"),
        "passkey.cancelled": _("That was cancelled. Try again or use your password."),
        "passkey.not_made": _("That was cancelled. Nothing has changed."),
        "passkey.known": _("This device has a passkey of yours already. You can come in with it."),
        "passkey.failed": _("That didn't work with a passkey. Try again or use your password."),
        "connection.connecting": _("Connecting…"),
        "connection.offline": _("You are offline. What you write will be sent later."),
        "connection.back": _("Back online"),
        "connection.outdated": _("HomeChat was updated."),
        "connection.reload": _("Reload"),
        "connection.ended": _("You are signed out on this device."),
        "ended.signed_out": _("You signed out."),
        "ended.revoked": _("This device was signed out."),
        "ended.role_changed": _("What you may do here has changed."),
        "ended.password_changed": _("The password was changed. Please sign in again."),
        "ended.locked_down": _("The house is closed for a while."),
        "newcomers.waiting": _plural("{count} person waits to be let in", "{count} people wait to be let in"),
    }


def _plural(one: str, many: str) -> Plurals:
    """Return a text's forms by CLDR category ("one", "few", "other" …), those this language has."""
    locale = get_locale()
    if locale is None:
        return {"one": one, "other": many}
    forms: Plurals = {}
    for count in _SAMPLES:
        forms.setdefault(locale.plural_form(count), ngettext(one, many, count))
    return forms
