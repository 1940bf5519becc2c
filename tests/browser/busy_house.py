"""A house that is lived in: long names, long words, other scripts, forty rooms. For tests of looks and for pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from homechat import clock, settings
from homechat.accounts import api_tokens, sessions
from homechat.accounts.actions import NewPerson, create_person
from homechat.accounts.lockout import note_failure
from homechat.accounts.models import User
from homechat.accounts.token_models import ApiToken, TokenKind
from homechat.actor import Actor, Door, Role
from homechat.audit import Action
from homechat.bots.actions import create_bot, set_active
from homechat.bots.checking import Wanted
from homechat.bots.models import Bot, WebhookDelivery
from homechat.database import transaction
from homechat.household.invitations import invite, revoke_invitation
from homechat.household.joining import join_house
from homechat.household.tokens import create_token
from homechat.lockdown import Kind
from homechat.messages.action_cards import CARD, ActionCard, CardAction, Style
from homechat.messages.models import Message, MessageAnswer
from homechat.messages.reactions import react
from homechat.operations.lockdown import lift as lift_lockdown
from homechat.operations.lockdown import start as start_lockdown
from homechat.rooms.actions import archive_room
from homechat.rooms.membership import welcome_home
from homechat.rooms.models import Room
from homechat.security.policy import RoomKind, Scope
from tests.browser.history import Line, write_history
from tests.house import CAST, PASSWORD, House

HOUSE_NAME = "Lindenhof 7"
# Sign-in name: name, colour. The first four are of the cast.
PEOPLE = {
    "ada": ("Ada Lindgren", 6),
    "ben": ("Ben", 8),
    "cleo": ("Cleo 🦊", 11),
    "gus": ("Grandpa Gus", 3),
    "mina": ("Grandma Mina", 10),
    "noor": ("نور الهدى", 2),
    "kat": ("Konstantina-Alexandra Παπαδοπούλου-Γιαννάκη", 5),
}
MORE_ROOMS = (
    """
Film night|Recipes|Allotment|Dog walks 🐕|Lost and found|Swimming on Tuesdays|Bicycles|Board games|Book club|Choir
Everything about the bathroom that drips again|Geburtstagsvorbereitungsausschussvorsitzende|غرفة العائلة|Car sharing
Music practice|Birthdays|Football|Spare keys|Bee hives|School run|Pocket money|Museum Sundays|Photographs|Heating
Attic|Winter coats|Piano lessons|Neighbours|Cousins abroad|Language corner|Knitting|Compost|Rain barrel
""".replace("\n", "|")
    .strip("|")
    .split("|")
)
DAMP_WORD = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz"
LETTER = (
    "Dear all, since you asked how the journey went, here is the whole of it, and I warn you: it is long. "
    "We left before six, when the street was still blue and only the baker had light. The first train was on time, "
    "the second was not, and the third had been taken off the board altogether, so we drank tea at a counter where a "
    "man told us about the bridge they are building, and how it will be finished when his grandchildren are old. "
)


@dataclass(frozen=True)
class Rooms:
    """The rooms that are worth looking at, by id."""

    home: int
    kitchen: int
    journey: int
    surprise: int
    to_join: int
    door: int
    direct: int
    group: int
    empty: int
    archived: int


def furnish(house: House, now: datetime) -> Rooms:
    """Let a family live in a house with the cast, as of `now`, and return its rooms."""
    _give_names(house, now)
    _guess(house, now)
    rooms = _make_rooms(house)
    _fill_side_rooms(house, now)
    write_history(house, rooms.journey, _journey(now))
    write_history(house, rooms.home, _home(now), unread=3)
    write_history(house, rooms.surprise, _told(now, [("ben", 95, "She must not know before Saturday!")]))
    write_history(house, rooms.group, _told(now, [("noor", 61, "هل أنتم مستعدون للسفر غدا؟ 🧳")]))
    write_history(house, rooms.direct, _told(now, DIRECT))
    write_history(house, rooms.kitchen, _told(now, KITCHEN))
    write_history(house, rooms.door, _asked(now))
    _answer_and_react(house)
    _tap(house, rooms.door, now)
    house.act(archive_room, house.actor("ada"), rooms.archived)
    _sign_in_elsewhere(house)
    _invite(house)
    _let_wait(house)
    _make_tokens(house)
    _make_bots(house, rooms, now)
    house.act(start_lockdown, Actor.operator(), Kind.USERS, reason="A tablet was lost on the train")
    house.act(lift_lockdown, Actor.operator())
    return rooms


def _answer_and_react(house: House) -> None:
    """Let some of what was said be answered, edited, deleted and reacted to."""
    with house.rows(), transaction() as session:
        told = {message.body[:12]: message for message in session.query(Message)}
        told["Yes please! "].reply_to_id = told["I have parsl"].id
        told["it was NOT"].reply_to_id = told["Whoever took"].id
        told["My train is "].edited_at = told["My train is "].created_at
        told["wow"].deleted_at, told["wow"].body = told["wow"].created_at, ""
    for begins, reactions in REACTIONS.items():
        for emoji, names in reactions.items():
            for name in names.split():
                act = partial(house.act, react, house.actor(name))
                act(message_id=told[begins].id, emoji=emoji)


REACTIONS = {
    "I have parsl": {"❤️": "ada cleo", "🌿": "ben"},
    "Yes please! ": {"👍": "mina ben cleo", "🥰": "mina"},
    "My train is ": {"🎉": "ben", "👍": "ada mina", "🚂": "cleo"},
    "Found them! ": {"😮": "ada"},
}
KITCHEN = [
    ("ben", 1525, "Whoever took the last plum jam: I know it was you."),
    ("cleo", 1523, "it was NOT"),
    ("ben", 108, "Who is home for dinner? I can start at **half past six**."),
    ("cleo", 107, "me!!"),
    ("cleo", 107, "can we have pancakes"),
    ("ada", 101, "We had pancakes yesterday 😄"),
    ("cleo", 100, "> We had pancakes yesterday\n\nexactly, we know how it works"),
    (
        "ben",
        95,
        "Deal: soup first, then pancakes. Still missing:\n\n- milk\n- eggs, the big ones\n- something green",
    ),
    ("mina", 71, "I have parsley on the balcony. Shall I bring it over? 🌿"),
    ("ada", 70, "Yes please! Come at six, we kept your chair."),
    ("ada", 70, "And bring the photographs from the lake, if you find them."),
    ("mina", 68, "🥰"),
    ("ada", 24, "My train is on time, for once. Home in twenty minutes. Shall I get the milk?"),
    ("ben", 22, "Yes, two. The shop by the station is open till eight: https://example.org/shop"),
    ("cleo", 5, "the dog ate an egg"),
    ("ben", 3, "🙈"),
]
DIRECT = [
    ("mina", 2891, "Dear Ada, the plumber comes on Thursday between 8 and 12. Will somebody be there?"),
    ("ada", 2880, "I work from home that day, don't worry."),
    ("mina", 66, "Found them! The one with the boat is from 1974, and *that* is your father."),
    ("ada", 64, "No! With those trousers?"),
    ("mina", 62, "With those trousers."),
]


def _told(now: datetime, lines: list[tuple[str, int, str]]) -> list[Line]:
    """Lines as (who, minutes ago, what)."""
    return [Line(name, body, now - timedelta(minutes=minutes)) for name, minutes, body in lines]


def _home(now: datetime) -> list[Line]:
    talk = [("ben", 60 * hours, f"Day {200 - hours // 24}: all is well.") for hours in range(4700, 60, -60)]
    told = _told(
        now,
        [
            *talk,
            ("kat", 2700, f"The longest word I have learned: {DAMP_WORD}"),
            ("ada", 2695, f"{DAMP_WORD}{DAMP_WORD}?"),
            ("noor", 2600, "صباح الخير جميعا! القهوة جاهزة في المطبخ ☕"),
            ("ada", 2590, "صباح النور 🙂 I am on my way."),
            ("kat", 2580, "Καλημέρα!"),
            ("kat", 1500, "1. wash\n2. dry\n3. fold\n\nThat is all. `laundry --help` was not needed."),
            ("ada", 1490, "```\nMon  Ben\nTue  Ada\nWed  whoever complains first\n```"),
            ("cleo", 1480, "🐕🦴"),
            (
                "mina",
                300,
                "Has anybody seen my reading glasses? The ones with the blue chain, not the others.",
            ),
            ("ben", 290, "On the piano."),
            ("mina", 40, "No, those are the others."),
        ],
    )
    return sorted([*told, *_of_programs(now)], key=lambda line: line.at)


def _of_programs(now: datetime) -> list[Line]:
    door = {"title": "Front door", "label": "Home Assistant"}
    rain = {"label": "Wetterstation im Garten hinter dem Schuppen am Zaun"}
    long = {"title": f"{DAMP_WORD}: ready", "label": "Washing machine"}
    return [
        Line("kat", "Somebody rings. *Camera 2* saw one person.", now - timedelta(minutes=420), door),
        Line("kat", "Rain in ten minutes.", now - timedelta(minutes=419), rain),
        Line("ada", "40 °C, 1:12 h", now - timedelta(minutes=418), long),
        Line("ada", "🎉", now - timedelta(minutes=417), {"title": "Ada's birthday"}),
    ]


def _asked(now: datetime) -> list[Line]:
    """What programs ask: open, answered, seen by some, over, and with the longest words there may be."""

    def ask(who: str, minutes: int, body: str, label: str, **card: Any) -> Line:
        asked = ActionCard(**card).as_payload()
        return Line(who, body, now - timedelta(minutes=minutes), {"label": label, CARD: asked})

    soon = now + timedelta(minutes=18)
    long = CardAction("long", "Rindfleischetikettierungsüberwachungsauf")
    return [
        ask("kat", 92, "Somebody rings. *Camera 2* saw one person.", "Doorbell", actions=AT_THE_DOOR),
        ask("kat", 64, "The washing is done.", "Cellar", ack_required=True),
        ask(
            "ada", 48, "Shall the heating go down for the night?", "Heating", actions=AT_NIGHT, expires_at=now
        ),
        ask("rex", 31, "Which one?", "Longest words", actions=(long, *AT_NIGHT)),
        Line("mina", "I have the spare key, if anybody needs it.", now - timedelta(minutes=12)),
        ask(
            "rex",
            2,
            "A parcel is at the door, and the driver waits.",
            "Doorbell",
            actions=AT_THE_DOOR,
            ack_required=True,
            expires_at=soon,
        ),
    ]


AT_THE_DOOR = (
    CardAction("let_in", "Let in", Style.PRIMARY),
    CardAction("wait", "Wait a moment"),
    CardAction("away", "Send away", Style.DANGER, "Really send them away? They will not come again today."),
)
AT_NIGHT = (CardAction("yes", "Yes, to 17 °C", Style.PRIMARY), CardAction("no", "Leave it"))


def _tap(house: House, room: int, now: datetime) -> None:
    """Have some of what was asked be answered and seen."""
    taps = [
        ("Somebody ri", "ben", "let_in", 90),
        ("The washing", "ada", "ack", 60),
        ("The washing", "noor", "ack", 50),
        ("A parcel is", "cleo", "ack", 1),
    ]
    with house.rows() as session, transaction():
        ids = {
            body[:11]: key for key, body in session.query(Message.id, Message.body).filter_by(room_id=room)
        }
        for begins, name, action, minutes in taps:
            at = now - timedelta(minutes=minutes)
            more = {"action_id": action, "is_ack": action == "ack", "created_at": at}
            session.add(MessageAnswer(message_id=ids[begins], user_id=house.id_of(name), **more))


def _journey(now: datetime) -> list[Line]:
    letter = (LETTER * 8)[:2994].rsplit(" ", 1)[0] + " Love, Mina"
    return _told(
        now,
        [
            ("ada", 4400, "How was the journey? We want to hear everything!"),
            ("mina", 4320, letter),
            ("cleo", 4310, "wow"),
        ],
    )


def _give_names(house: House, now: datetime) -> None:
    for name in PEOPLE:
        if name not in CAST:
            _move_in(house, name)
    with house.rows(), transaction() as session:
        settings.change(Actor.operator(), settings.HOUSE_NAME, HOUSE_NAME)
        for number, (name, (display_name, color)) in enumerate(PEOPLE.items()):
            user = session.query(User).filter_by(username=name).one()
            user.display_name, user.color = display_name, color
            user.last_seen_at = now - timedelta(minutes=7 * 6**number)


def _move_in(house: House, name: str) -> None:
    new = NewPerson(name, name.title(), PASSWORD)
    with house.rows(), transaction():
        welcome_home(create_person(Actor.operator(), new, role=Role.MEMBER, password_hash=""))


def _make_rooms(house: House) -> Rooms:
    family = ("ben", "cleo", "mina", "noor", "kat")
    public = RoomKind.PUBLIC
    rooms = Rooms(
        home=house.home().id,
        kitchen=house.room(
            "ada", *family, name="Kitchen", kind=public, description="What we eat, and who cooks"
        ),
        journey=house.room("mina", "ada", *family[:2], name="Holidays by the sea", kind=public),
        surprise=house.room("ben", "ada", "cleo", "noor", name="Surprise for Mina", description="Psst!"),
        to_join=house.room("ben", "mina", name="Garden", kind=public, description="Tomatoes, mostly"),
        door=house.room("ben", "ada", "cleo", "mina", "noor", "kat", name="Front door"),
        direct=house.direct("ada", "mina"),
        group=house.direct("noor", "ada", "ben", "kat"),
        empty=house.direct("ada", "kat"),
        archived=house.room("ada", "ben", name="Summer 2025", kind=public),
    )
    last_summer = datetime.fromisoformat("2025-09-01T18:00Z")
    write_history(house, rooms.archived, [Line("ben", "That was a summer.", last_summer)])
    return rooms


def _fill_side_rooms(house: House, now: datetime) -> None:
    for number, name in enumerate(MORE_ROOMS):
        room = house.room("ben", "ada", "mina", name=name, kind=RoomKind.PUBLIC)
        at = now - timedelta(hours=3 + 7 * number)
        write_history(
            house, room, [Line("mina", SMALL_TALK[number % len(SMALL_TALK)], at)], unread=number % 7 == 2
        )
    with house.rows(), transaction() as session:
        for room in session.query(Room):
            room.created_at = now - timedelta(days=400)


SMALL_TALK = [
    "Seven o'clock, then?",
    "I found the other glove.",
    "Who has the key?",
    "See **you** there!",
    "Thank you, that was lovely ❤️",
    "A very long line that goes on and on, because there was a lot to say and nobody stopped me from saying it",
]


def _sign_in_elsewhere(house: House) -> None:
    """Have Ada signed in on two more devices and Ben on one; Mina has a second step."""
    house.turn_on_second_step("mina")
    ben = replace(house.actor("ben"), address="192.168.1.31", user_agent=f"Mozilla/5.0 ({DEVICES[0][1]}")
    house.act(sessions.open_session, ben, house.person("ben"))
    ada = house.person("ada")
    for address, device in DEVICES:
        actor = replace(house.actor("ada"), address=address, user_agent=f"Mozilla/5.0 ({device}")
        house.act(sessions.open_session, actor, ada)


DEVICES = [
    (
        "192.168.1.23",
        "iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Safari/604.1",
    ),
    ("2001:db8:85a3:8d3:1319:8a2e:370:7348", "X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
]


def _guess(house: House, now: datetime) -> None:
    """Have somebody try to sign in through a week, and guess too often on its last day."""
    stranger = Actor.stranger(door=Door.PAGE, address="203.0.113.77", user_agent="curl/8.5")
    ada, noor = house.person("ada"), house.person("noor")
    for days_ago, tries in enumerate(reversed((1, 0, 3, 2, 0, 1))):
        with clock.moved(now - timedelta(days=days_ago + 1) - clock.now()):
            _fail(house, stranger, ada, tries)
    _fail(house, stranger, noor, 5)


def _fail(house: House, stranger: Actor, user: User, times: int) -> None:
    for _ in range(times):
        with house.app.app_context(), transaction():
            note_failure(stranger, user, Action.LOGIN_FAILED)


def _make_tokens(house: House) -> None:
    """Give programs tokens: one that knows only a room, a bot's, an app that somebody signed in."""
    for name, owner, more in TOKENS:
        owner_id = house.id_of(owner)
        house.act(create_token, Actor.operator(), name=name, owner_id=owner_id, **more)
    with house.rows() as session, transaction():
        token = session.query(ApiToken).order_by(ApiToken.id).first()
        token.last_used_at = clock.now() - timedelta(minutes=3)
        token.last_used_address = "192.168.1.40"
        cleo = session.query(User).filter_by(username="cleo").one()
        api_tokens.issue(Actor.operator(), kind=TokenKind.SIGN_IN, name="Phone app", acts_as=cleo, owner=cleo)


TOKENS: list[tuple[str, str, dict[str, Any]]] = [
    (
        "Home Assistant",
        "ada",
        {"scopes": ["messages:write", "channels:read", "members:read"], "as_bot": True},
    ),
    (
        "Geburtstagserinnerungsbenachrichtigungsautomatisierung",
        "ada",
        {"scopes": [scope.value for scope in Scope], "hours": 720},
    ),
    ("Backup of what I wrote", "ben", {"scopes": ["messages:read"], "hours": 24}),
]


def _invite(house: House) -> None:
    ada = house.actor("ada")
    house.act(invite, ada, role=Role.GUEST, room_ids=[house.home().id], note="For the neighbours", max_uses=4)
    house.act(invite, house.actor("ada", Door.CLI), role=Role.ADMIN, hours=24)
    note = "Cousin Wolfgang-Maximilian and everybody he brings along"
    taken_back, _ = house.act(invite, ada, role=Role.MEMBER, note=note)
    house.act(revoke_invitation, ada, taken_back.id)


def _let_wait(house: House) -> None:
    """Open the door to everybody, with two who stand before it: one invited, one with too long a name."""
    _row, token = house.act(invite, house.actor("ada"), role=Role.GUEST, note="For Lina's sleepover")
    for setting in (settings.SIGN_UP_OPEN, settings.NEWCOMERS_WAIT):
        house.act(settings.change, Actor.operator(), setting, True)
    stranger = Actor.stranger(door=Door.PAGE)
    house.act(join_house, stranger, NewPerson("lina", "Lina", PASSWORD), invitation=token)
    name = "Maximiliane-Theodora Freifrau von Übersee"[:40]
    house.act(join_house, stranger, NewPerson("maximiliane_theodora_1", name, PASSWORD))


def _make_bots(house: House, rooms: Rooms, now: datetime) -> None:
    """Make bots, and have one of them be told things that arrived, wait, or were given up."""
    house.act(
        settings.change, Actor.operator(), settings.WEBHOOK_PRIVATE_HOSTS, "homeassistant.local 192.168.1.20"
    )
    url = "http://homeassistant.local:8123/api/webhook/5f0c1d9e"
    for name, about, address in (
        ("Home Assistant", "Lights, doors, the washing machine and everything else that blinks", url),
        ("Wetterstation auf dem Dach des Geräteschuppens", "", "https://hooks.example.org/weather"),
        ("GitHub", "", ""),
    ):
        wanted = Wanted(name, description=about, callback_url=address)
        made = house.act(create_bot, Actor.operator(), wanted, owner_id=house.id_of("ada"))
        if name == "GitHub":
            house.act(set_active, Actor.operator(), made.bot.id, active=False)
    with house.rows() as session, transaction():
        first = session.scalars(sa.select(Bot).where(Bot.callback_url == url)).one()
        first.last_received_at = now - timedelta(minutes=3)
        message = session.scalars(sa.select(Message.id).where(Message.room_id == rooms.kitchen)).first()
        for number, (state, tries, status, problem) in enumerate(
            [
                ("dead", 6, None, "timeout"),
                ("delivered", 1, 200, ""),
                ("dead", 3, 503, "switched_off"),
                ("delivered", 2, 204, ""),
                ("waiting", 2, None, "refused"),
            ]
        ):
            session.add(
                WebhookDelivery(
                    uuid=f"3f2b8c1e-0000-4000-8000-{number:012d}",
                    bot_id=first.id,
                    message_id=message,
                    state=state,
                    tries=tries,
                    response_status=status,
                    problem=problem,
                    created_at=now - timedelta(hours=5 - number),
                    next_try_at=now + timedelta(hours=1),
                )
            )
