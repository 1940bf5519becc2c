"""What replies of the API are made of: the shapes that several endpoints share, and what a shape is.

An endpoint names the shape of what it gives. Its reply is made by that, and described by that to the world, so that
neither can say what the other does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import EXCLUDE, Schema, fields, post_dump

from homechat.doors.shapes import Number, Text, YesOrNo


class Mismatch(TypeError):
    """A handler returned something else than its endpoint says: a mistake of ours, stopped loudly."""


class Shape(Schema):
    """A JSON object of a reply: each of its fields, and nothing besides. Clients ignore fields that they don't know.

    OPTIONAL: the fields that may be missing. One that may be null says so: `allow_none=True`.
    """

    OPTIONAL: ClassVar[frozenset[str]] = frozenset()

    class Meta:
        unknown = EXCLUDE

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        field_obj.required = field_name not in self.OPTIONAL

    def get_attribute(self, obj: Mapping[str, Any], attr: str, default: Any) -> Any:
        value = obj.get(attr, default)
        if value is default and attr not in self.OPTIONAL:
            raise Mismatch(f"{type(self).__name__} lacks {attr}")
        if value is None and not self.fields[attr].allow_none:
            raise Mismatch(f"{type(self).__name__}: {attr} is null")
        return value

    @post_dump(pass_original=True)
    def _holds_nothing_besides(
        self, data: dict[str, Any], original: Mapping[str, Any], **kwargs: object
    ) -> dict[str, Any]:
        if len(data) != len(original):
            raise Mismatch(f"{type(self).__name__} has no {', '.join(original.keys() - data.keys())}")
        return data


class Moment(Text):
    """A time in UTC as ISO 8601, with `Z`; see `clock.as_iso`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"format": "date-time", **kwargs.pop("metadata", {})}, **kwargs)


class Error(Shape):
    """Every refusal: a sentence for people and a stable word for programs.

    fields: what is wrong with which.  scope: what the token lacks.  retry_after: seconds.
    until, reason: of a lockdown.
    """

    OPTIONAL = frozenset(
        {"success", "fields", "scope", "retry_after", "requires_2fa", "message", "until", "reason"}
    )

    class Meta:
        unknown = EXCLUDE
        # As an attribute it would be marshmallow's.
        include = {"fields": fields.Dict(keys=Text(), values=Text())}

    error = Text()
    code = Text()
    success = YesOrNo()
    scope = Text()
    retry_after = Number(at_least=1)
    requires_2fa = YesOrNo()
    message = Text()
    until = Moment()
    reason = Text()


class Success(Shape):
    """It is done."""

    success = YesOrNo()


class Done(Success):
    """It is done, or it was so already; `message` says it in a sentence."""

    message = Text()


class Author(Shape):
    """Somebody, as short as it goes."""

    id = Number()
    username = Text()


class User(Author):
    """Somebody as others see them. display_name: how they want to be called."""

    display_name = Text()
    is_online = YesOrNo()
    status = Text()
    last_seen_at = Moment(allow_none=True)
    avatar_url = Text(allow_none=True)
    avatar_initials = Text()
    avatar_color_index = Number()


class Users(Shape):
    users = fields.List(fields.Nested(User))


class OneUser(Shape):
    user = fields.Nested(User)


class Members(Shape):
    members = fields.List(fields.Nested(User))


class File(Shape):
    """A file of a message. url, thumbnail_url: for the same token; null: there is none. width, height: of a picture."""

    id = Text()
    name = Text()
    content_type = Text()
    byte_size = Number()
    url = Text()
    thumbnail_url = Text(allow_none=True)
    width = Number(allow_none=True)
    height = Number(allow_none=True)


class Reaction(Shape):
    """One emoji under a message, and who chose it."""

    emoji = Text()
    count = Number(at_least=1)
    user_ids = fields.List(Number())


class Action(Shape):
    """A button of a message. style: `default`, `primary` or `danger`.  confirm: what to ask first, or ""."""

    id = Text()
    label = Text()
    style = Text()
    confirm = Text()


class Acknowledged(Shape):
    """Somebody has seen a message and said so."""

    by = fields.Nested(Author)
    at = Moment()


class Answered(Acknowledged):
    """Who tapped which button first, and when: the one tap that counts."""

    action_id = Text()


class MessageInShort(Shape):
    """A message as lists of rooms and what was searched for show it."""

    id = Number()
    content = Text()
    created_at = Moment()
    user = fields.Nested(Author)


class Message(MessageInShort):
    """A message. edited_at: when its words were changed last.  reply_to: the id of the message that it answers.

    title: a bold line above it.  sender: a label beside the author, never instead of them.
    actions: its buttons.  answered: the first tap; null while there is none.  acks: who has seen it, waiting_for: who
    has not, where ack_required.  expires_at: when nobody can tap any more; null: never.
    """

    edited_at = Moment(allow_none=True)
    message_type = Text()
    channel_id = Number()
    files = fields.List(fields.Nested(File))
    reactions = fields.List(fields.Nested(Reaction))
    reply_to = Number(allow_none=True)
    title = Text(allow_none=True)
    sender = Text(allow_none=True)
    actions = fields.List(fields.Nested(Action))
    answered = fields.Nested(Answered, allow_none=True)
    ack_required = YesOrNo()
    acks = fields.List(fields.Nested(Acknowledged))
    waiting_for = fields.List(fields.Nested(Author))
    expires_at = Moment(allow_none=True)


class OneMessage(Shape):
    message = fields.Nested(Message)


class Page(Shape):
    """A page of a long list. oldest_id: what `before` has to be for the next older one; null where there is nothing."""

    has_more = YesOrNo()
    oldest_id = Number(allow_none=True)


class Messages(Page):
    messages = fields.List(fields.Nested(Message))


class MessageInData(Shape):
    message = fields.Nested(Message)


class PostedMessage(Success):
    """What was sent, twice over: some clients look for it in `data`."""

    message = fields.Nested(Message)
    data = fields.Nested(MessageInData)


class Media(Shape):
    """A message with files. id: of the message."""

    id = Number()
    channel_id = Number()
    files = fields.List(fields.Nested(File))


class PostedMedia(Success):
    data = fields.Nested(Media)


class Channel(Shape):
    """A room as who asks sees it. type: `public`, `private` or `dm`; unread_count: for who asks."""

    id = Number()
    name = Text()
    description = Text()
    type = Text()
    member_count = Number()
    online_member_count = Number()
    last_message = fields.Nested(MessageInShort, allow_none=True)
    unread_count = Number()
    is_member = YesOrNo()
    created_at = Moment()


class Channels(Shape):
    channels = fields.List(fields.Nested(Channel))


class OneChannel(Shape):
    channel = fields.Nested(Channel)


class MadeChannel(Success, OneChannel):
    """A room, twice over: some clients look for it in `data`."""

    data = fields.Nested(OneChannel)


class MarkedAsRead(Done):
    """unread_count: what is left."""

    unread_count = Number()


class ChannelInShort(Shape):
    id = Number()
    name = Text()


class FoundMessage(MessageInShort):
    """A message that was searched for, and where it is."""

    channel = fields.Nested(ChannelInShort)


class Found(Shape):
    """What a search found. totalResults: how much of everything, of messages 100 at most are counted.

    has_more: whether there are older messages than these.
    """

    users = fields.List(fields.Nested(User))
    channels = fields.List(fields.Nested(Channel))
    messages = fields.List(fields.Nested(FoundMessage))
    totalResults = Number()  # noqa: N815 - as clients spell it.
    has_more = YesOrNo()
