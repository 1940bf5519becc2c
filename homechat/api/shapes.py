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


class Described(Schema):
    """What is sent or given, with words for whoever reads of it. ABOUT: of its fields, and of those that inherit it."""

    ABOUT: ClassVar[Mapping[str, str]] = {
        "success": "`true`: it is done.",
        "id": "Its number.",
        "created_at": "When it was made.",
    }

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        for kind in type(self).__mro__:
            if about := kind.__dict__.get("ABOUT", {}).get(field_name):
                field_obj.metadata = {**field_obj.metadata, "description": about}
                return


class Shape(Described):
    """A JSON object of a reply: each of its fields, and nothing besides. Clients ignore fields that they don't know.

    OPTIONAL: the fields that may be missing. One that may be null says so: `allow_none=True`.
    """

    OPTIONAL: ClassVar[frozenset[str]] = frozenset()

    class Meta:
        unknown = EXCLUDE

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        super().on_bind_field(field_name, field_obj)
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
    """Every refusal: a sentence for people and a stable word for programs."""

    ABOUT = {
        "error": "What is wrong and what to do, in a sentence: show it to people.",
        "code": "The same in a word that stays as it is: compare this one.",
        "success": "`false`: it was not done.",
        "fields": "What is wrong with which field of yours, a sentence each.",
        "scope": "The scope that your token lacks.",
        "retry_after": "How many seconds to wait before you try again.",
        "requires_2fa": "`true`: send `otp_code`, too.",
        "message": "The same as `error`.",
        "until": "When the house opens again.",
        "reason": "Why the house is closed.",
    }

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
    """It is done, or it was so already."""

    ABOUT = {
        "message": "What came of it, in a sentence.",
    }

    message = Text()


class Author(Shape):
    """Somebody, as short as it goes."""

    ABOUT = {
        "id": "Their number.",
        "username": "Their short name: what stands after an @, and what they sign in with.",
    }

    id = Number()
    username = Text()


class User(Author):
    """Somebody as others see them."""

    ABOUT = {
        "display_name": "How they want to be called.",
        "is_online": "Whether they are here right now.",
        "status": "`online` or `offline`.",
        "last_seen_at": "When they were last here; null: never, or it is nobody's business.",
        "avatar_url": "Null: there are no pictures of people.",
        "avatar_initials": "One or two letters in place of a picture.",
        "avatar_color_index": "The colour behind the letters, 0 to 11.",
    }

    display_name = Text()
    is_online = YesOrNo()
    status = Text()
    last_seen_at = Moment(allow_none=True)
    avatar_url = Text(allow_none=True)
    avatar_initials = Text()
    avatar_color_index = Number()


class Page(Shape):
    """A page of a long list."""

    ABOUT = {
        "has_more": "Whether there is more in that direction.",
        "oldest_id": "What to send as `before` for the next older page; null: this one is empty.",
    }

    has_more = YesOrNo()
    oldest_id = Number(allow_none=True)


class Users(Shape):
    ABOUT = {
        "users": "The people.",
    }

    users = fields.List(fields.Nested(User))


class OneUser(Shape):
    user = fields.Nested(User)


class Members(Page):
    ABOUT = {
        "members": "The people in the room.",
    }

    members = fields.List(fields.Nested(User))


class File(Shape):
    """A file of a message."""

    ABOUT = {
        "id": "What stands for it in addresses.",
        "name": "What it is called.",
        "content_type": "What it is, such as `image/jpeg`.",
        "byte_size": "How many bytes it has.",
        "url": "Where to fetch it, with the same token.",
        "thumbnail_url": "Where to fetch it as a small picture; null: there is none.",
        "width": "Of a picture, in pixels; null: it is none.",
        "height": "Of a picture, in pixels; null: it is none.",
    }

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

    ABOUT = {
        "emoji": "Which one.",
        "count": "How many people chose it.",
        "user_ids": "The numbers of those who did.",
    }

    emoji = Text()
    count = Number(at_least=1)
    user_ids = fields.List(Number())


class Action(Shape):
    """A button of a message."""

    ABOUT = {
        "id": "What you know it by; you get it back when somebody taps.",
        "label": "What stands on it.",
        "style": "How it looks: `default`, `primary` (what most will want) or `danger` (what can't be taken back).",
        "confirm": "What people are asked before it counts; empty: nothing.",
    }

    id = Text()
    label = Text()
    style = Text()
    confirm = Text()


class Acknowledged(Shape):
    """Somebody has seen a message and said so."""

    ABOUT = {
        "at": "When they did.",
    }

    by = fields.Nested(Author)
    at = Moment()


class Answered(Acknowledged):
    """Who tapped which button first, and when: the one tap that counts."""

    ABOUT = {
        "action_id": "The `id` of the button.",
    }

    action_id = Text()


class MessageInShort(Shape):
    """A message as lists of rooms and what was searched for show it."""

    ABOUT = {
        "id": "The number of the message.",
        "content": "The text, as it was written (Markdown).",
        "created_at": "When it was sent.",
    }

    id = Number()
    content = Text()
    created_at = Moment()
    user = fields.Nested(Author)


class Message(MessageInShort):
    """A message."""

    ABOUT = {
        "edited_at": "When its words were last changed; null: never.",
        "message_type": "`text`.",
        "channel_id": "The number of the room.",
        "files": "Its files, in their order.",
        "reactions": "Each emoji under it.",
        "reply_to": "The number of the message that it answers; null: of none.",
        "title": "A bold line above it; null: none.",
        "sender": "A label beside the author, never instead of them; null: none.",
        "actions": "Its buttons; empty: none.",
        "answered": "The first tap, which is the one that counts; null: nobody has tapped yet.",
        "ack_required": "Whether everybody is asked to say that they have seen it.",
        "acks": "Who has said so.",
        "waiting_for": "Who has not yet, where `ack_required`.",
        "expires_at": "When nobody can tap any more; null: never.",
    }

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


class Messages(Page):
    messages = fields.List(fields.Nested(Message))


class MessageInData(Shape):
    message = fields.Nested(Message)


class PostedMessage(Success):
    """What was sent, twice over: some clients look for it in `data`."""

    message = fields.Nested(Message)
    data = fields.Nested(MessageInData)


class Media(Shape):
    """A message with files."""

    ABOUT = {
        "id": "The number of the message.",
        "channel_id": "The number of the room.",
    }

    id = Number()
    channel_id = Number()
    files = fields.List(fields.Nested(File))


class PostedMedia(Success):
    data = fields.Nested(Media)


class Channel(Shape):
    """A room as you see it."""

    ABOUT = {
        "name": "What it is called; a conversation of two has the other's name.",
        "description": "What it is for; may be empty.",
        "type": "`public`, `private` or `dm` (a conversation of a few).",
        "member_count": "How many are in it.",
        "online_member_count": "How many of them are here right now.",
        "last_message": "What was said last; null: nothing yet.",
        "unread_count": "How many messages you have not read.",
        "is_member": "Whether you are in it.",
    }

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


class Channels(Page):
    channels = fields.List(fields.Nested(Channel))


class OneChannel(Shape):
    channel = fields.Nested(Channel)


class MadeChannel(Success, OneChannel):
    """A room, twice over: some clients look for it in `data`."""

    data = fields.Nested(OneChannel)


class MarkedAsRead(Done):
    """unread_count: what is left."""

    ABOUT = {
        "unread_count": "How many are left.",
    }

    unread_count = Number()


class ChannelInShort(Shape):
    ABOUT = {
        "id": "The number of the room.",
        "name": "What it is called.",
    }

    id = Number()
    name = Text()


class FoundMessage(MessageInShort):
    """A message that was searched for, and where it is."""

    channel = fields.Nested(ChannelInShort)


class Found(Shape):
    """What a search found."""

    ABOUT = {
        "totalResults": "How much of everything; of messages, 100 at most are counted.",
        "has_more": "Whether there are older messages than these.",
        "oldest_id": "What to send as `before` for those; null: none was found.",
        "users": "People.",
        "channels": "Rooms.",
        "messages": "Messages, the newest first.",
    }

    users = fields.List(fields.Nested(User))
    channels = fields.List(fields.Nested(Channel))
    messages = fields.List(fields.Nested(FoundMessage))
    totalResults = Number()  # noqa: N815 - as clients spell it.
    has_more = YesOrNo()
    oldest_id = Number(allow_none=True)
