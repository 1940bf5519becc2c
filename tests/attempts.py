"""For each route that changes something, one request that works: take something away from it and it must not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from homechat import clock, settings
from homechat.accounts import challenges, passkeys, two_factor
from homechat.accounts import sign_in as signing
from homechat.accounts.actions import NewPerson
from homechat.accounts.models import Device, LoginSession
from homechat.accounts.proof_models import Purpose
from homechat.accounts.recovery import make_reset_link
from homechat.actor import Actor, Door, Role
from homechat.bots import actions as bot_actions
from homechat.bots.checking import Wanted
from homechat.bots.models import Bot, WebhookDelivery
from homechat.database import Base, transaction
from homechat.household.founding import new_setup_token
from homechat.household.invitations import invite
from homechat.household.joining import join_house as join_house_by_action
from homechat.household.people import lock_person as lock_by_action
from homechat.lockdown import Kind
from homechat.messages.action_cards import ActionCard, CardAction
from homechat.messages.actions import send_message
from homechat.messages.models import Message
from homechat.messages.reactions import react
from homechat.operations.lockdown import start as lock_down
from homechat.rooms.queries import home_room
from homechat.security.policy import RoomKind
from tests.api_client import new_token
from tests.authenticator import Authenticator, give_passkey, row_of
from tests.conftest import close
from tests.house import PASSWORD, Browser, House, code_now, copy_house, next_code
from tests.server_process import prepare_house
from tests.sharing import share

STRANGER = Actor.stranger(door=Door.PAGE)
CHANGING = {"POST", "PUT", "PATCH", "DELETE"}


@dataclass(frozen=True)
class Attempt:
    """A form that is sent.

    who: the member of the cast, or None for a stranger.  form_on: a page on which this form's token stands.
    """

    who: str | None
    path: str
    form: dict[str, Any] = field(default_factory=dict)
    form_on: str = "/me"
    cookies: dict[str, str] = field(default_factory=dict)

    def browser(self, house: House) -> Browser:
        """Return the browser in which this form lies open."""
        browser = house.client(self.who)
        with house.rows() as session, transaction():  # It is the one that its owner has always had.
            newest = sa.select(sa.func.max(Device.id)).scalar_subquery()
            session.execute(sa.update(Device).where(Device.id == newest).values(accepted_at=clock.now()))
        for name, value in self.cookies.items():
            full_name = f"{house.settings.session_cookie_name}-{name}"
            browser.client.set_cookie(full_name, value, secure=True, path="/")
        return browser


def sign_in(house: House) -> Attempt:
    return Attempt(None, "/sign-in", {"username": "ben", "password": PASSWORD}, "/sign-in")


def sign_out(house: House, who: str = "ben") -> Attempt:
    return Attempt(who, "/sign-out")


def update_profile(house: House, who: str = "ben") -> Attempt:
    form = {"display_name": "Benny", "color": 3, "locale": "de", "timezone": "Europe/Vienna", "theme": "dark"}
    return Attempt(who, "/me/profile", form)


def change_password(house: House, who: str = "ben") -> Attempt:
    return Attempt(who, "/me/password", {"current_password": PASSWORD, "password": "three calm herons"})


def second_step(house: House) -> Attempt:
    totp, _codes = house.turn_on_second_step("ben")
    secret = house.act(challenges.pose, Purpose.SECOND_STEP, user_id=house.id_of("ben"))
    return Attempt(None, "/sign-in/code", {"code": next_code(totp)}, "/sign-in/code", {"step": secret})


def enrol(house: House) -> Attempt:
    house.act(settings.change, Actor.operator(), settings.TWO_FACTOR_REQUIRED, "everybody")
    setup = house.act(two_factor.setup_for, house.person("ben"))
    secret = house.act(challenges.pose, Purpose.ENROLMENT, user_id=house.id_of("ben"))
    return Attempt(
        None,
        "/sign-in/set-up",
        {"code": code_now(setup.secret), "setup": setup.sealed},
        "/sign-in/set-up",
        {"step": secret},
    )


def confirm(house: House, who: str = "ben") -> Attempt:
    return Attempt(who, "/confirm", {"current_password": PASSWORD, "next": "/me"}, "/confirm")


def turn_on_second_factor(house: House, who: str = "ben") -> Attempt:
    setup = house.act(two_factor.setup_for, house.person(who))
    form = {"code": code_now(setup.secret), "setup": setup.sealed}
    return Attempt(who, "/me/two-factor", form, "/me/two-factor")


def turn_off_second_factor(house: House, who: str = "ben") -> Attempt:
    totp, _codes = house.turn_on_second_step(who)
    form = {"current_password": PASSWORD, "code": next_code(totp)}
    return Attempt(who, "/me/two-factor/off", form, "/me/two-factor")


def renew_recovery_codes(house: House, who: str = "ben") -> Attempt:
    house.turn_on_second_step(who)
    return Attempt(who, "/me/two-factor/codes", {}, "/me/two-factor")


def passkey_to_sign_in(house: House) -> Attempt:
    return Attempt(None, "/sign-in/passkey/options", {}, "/sign-in")


def sign_in_with_passkey(house: House) -> Attempt:
    mine = give_passkey(house, "ben")
    question = house.act(signing.ask_for_passkey, STRANGER)
    form = {"passkey": mine.use(question.options)}
    return Attempt(None, "/sign-in/passkey", form, "/sign-in", {"step": question.secret})


def passkey_to_answer(house: House) -> Attempt:
    give_passkey(house, "ben")
    secret = house.act(challenges.pose, Purpose.SECOND_STEP, user_id=house.id_of("ben"))
    return Attempt(None, "/sign-in/code/passkey/options", {}, "/sign-in/code", {"step": secret})


def answer_with_passkey(house: House) -> Attempt:
    mine = give_passkey(house, "ben")
    secret = house.act(challenges.pose, Purpose.SECOND_STEP, user_id=house.id_of("ben"))
    question = house.act(signing.ask_for_second_passkey, STRANGER, secret)
    form = {"passkey": mine.use(question.options)}
    return Attempt(None, "/sign-in/code/passkey", form, "/sign-in/code", {"step": secret})


def passkey_to_enrol(house: House) -> Attempt:
    secret = house.act(challenges.pose, Purpose.ENROLMENT, user_id=house.id_of("ben"))
    return Attempt(None, "/sign-in/set-up/passkey/options", {}, "/sign-in/set-up", {"step": secret})


def enrol_with_passkey(house: House) -> Attempt:
    secret = house.act(challenges.pose, Purpose.ENROLMENT, user_id=house.id_of("ben"))
    question = house.act(signing.ask_to_make_passkey, STRANGER, secret)
    form = {"passkey": Authenticator().make(question.options)}
    return Attempt(None, "/sign-in/set-up/passkey", form, "/sign-in/set-up", {"step": secret})


def passkey_to_confirm(house: House, who: str = "ben") -> Attempt:
    give_passkey(house, who)
    return Attempt(who, "/confirm/passkey/options", {}, "/confirm")


def passkey_to_make(house: House, who: str = "ben") -> Attempt:
    return Attempt(who, "/me/passkeys/options")


def add_passkey(house: House, who: str = "ben") -> Attempt:
    question = house.act(passkeys.registration, house.actor(who, Door.API))
    form = {"passkey": Authenticator().make(question.options)}
    return Attempt(who, "/me/passkeys", form, cookies={"step": question.secret})


def rename_passkey(house: House, who: str = "ben") -> Attempt:
    passkey = row_of(house, give_passkey(house, who))
    return Attempt(who, f"/me/passkeys/{passkey.id}/name", {"passkey_name": "Blue key"})


def remove_passkey(house: House, who: str = "ben") -> Attempt:
    return Attempt(who, f"/me/passkeys/{row_of(house, give_passkey(house, who)).id}/remove")


def turn_on_with_passkey(house: House, who: str = "ben") -> Attempt:
    give_passkey(house, who)
    return Attempt(who, "/me/two-factor/passkey", {}, "/me/two-factor")


def revoke_device(house: House, who: str = "ben") -> Attempt:
    return Attempt(who, f"/me/devices/{_newest_session(house, who).id}/revoke")


def revoke_other_devices(house: House, who: str = "ben") -> Attempt:
    _newest_session(house, who)
    return Attempt(who, "/me/devices/revoke-others")


def rename_device(house: House, who: str = "ben") -> Attempt:
    form = {"device_name": "Kitchen tablet"}
    return Attempt(who, f"/me/devices/{_newest_session(house, who).id}/name", form)


def accept_device(house: House, who: str = "ben") -> Attempt:
    house.client(who)
    return Attempt(who, f"/me/devices/{_newest_session(house, who).device_id}/accept")


def _newest_session(house: House, who: str) -> LoginSession:
    """Sign `who` in on one more device, and return that."""
    house.client(who)
    with house.rows() as session:
        newest = sa.select(LoginSession).filter_by(user_id=house.id_of(who)).order_by(LoginSession.id.desc())
        row: LoginSession = session.scalars(newest).first()
        return row


def found(house: House) -> Attempt:
    token = house.act(new_setup_token)
    form = {"house_name": "Ours", "username": "ada", "display_name": "Ada", "password": PASSWORD}
    return Attempt(None, f"/setup/{token}", form, f"/setup/{token}")


def join_house(house: House) -> Attempt:
    token = house.act(invite, house.actor("ada"), role=Role.MEMBER)[1]
    form = {"username": "nora", "display_name": "Nora", "password": PASSWORD}
    return Attempt(None, f"/join/{token}", form, f"/join/{token}")


def sign_up(house: House) -> Attempt:
    house.act(settings.change, Actor.operator(), settings.SIGN_UP_OPEN, True)
    form = {"username": "nora", "display_name": "Nora", "password": PASSWORD}
    return Attempt(None, "/join", form, "/join")


def reset_password(house: House) -> Attempt:
    token = house.act(make_reset_link, house.actor("ada"), house.id_of("ben"))
    return Attempt(None, f"/reset/{token}", {"password": "three calm herons"}, f"/reset/{token}")


def approve_newcomer(house: House) -> Attempt:
    return Attempt("ada", f"/newcomers/{somebody_waiting(house)}/approve")


def refuse_newcomer(house: House) -> Attempt:
    return Attempt("ada", f"/newcomers/{somebody_waiting(house)}/refuse")


def somebody_waiting(house: House, name: str = "nora") -> int:
    """Have somebody join who has to wait until they are let in, and return their id."""
    for setting in (settings.SIGN_UP_OPEN, settings.NEWCOMERS_WAIT):
        house.act(settings.change, Actor.operator(), setting, True)
    new = NewPerson(name, name.title(), PASSWORD)
    return house.act(join_house_by_action, Actor.stranger(door=Door.PAGE), new).user.id


def invite_somebody(house: House) -> Attempt:
    form = {"role": "guest", "room_ids": house.home().id, "hours": 1, "max_uses": 2, "note": "Hello"}
    return Attempt("ada", "/invites", form)


def invite_again(house: House) -> Attempt:
    made = house.act(invite, house.actor("ada"), role=Role.MEMBER)[0]
    return Attempt("ada", f"/invites/{made.id}/again")


def revoke_invite(house: House) -> Attempt:
    made = house.act(invite, house.actor("ada"), role=Role.MEMBER)[0]
    return Attempt("ada", f"/invites/{made.id}/revoke")


def post_message(house: House) -> Attempt:
    return Attempt("ben", f"/rooms/{house.room('ben')}/messages", {"body": "hi", "client_id": "attempt-1"})


def message_of(house: House, name: str) -> int:
    """Have somebody say something in a room of their own, and return the message's id."""
    house.say(name, house.room(name), "hi")
    with house.rows() as session:
        newest: int = session.scalar(sa.select(sa.func.max(Message.id)))
        return newest


def edit_message(house: House) -> Attempt:
    return Attempt("ben", f"/messages/{message_of(house, 'ben')}/edit", {"body": "hello"})


def delete_message(house: House) -> Attempt:
    return Attempt("ben", f"/messages/{message_of(house, 'ben')}/delete")


def react_to_message(house: House) -> Attempt:
    return Attempt("ben", f"/messages/{message_of(house, 'ben')}/reactions", {"emoji": "👍"})


def take_reaction_back(house: House) -> Attempt:
    message = message_of(house, "ben")
    house.act(react, house.actor("ben"), message_id=message, emoji="👍")
    return Attempt("ben", f"/messages/{message}/reactions/remove", {"emoji": "👍"})


def asked_of(house: House, name: str, *others: str) -> int:
    """Have somebody ask something with a button in a room of their own, and return the message's id."""
    card = ActionCard(actions=(CardAction("yes", "Yes"),))
    more = {
        "room_id": house.room(name, *others),
        "body": "Tea?",
        "client_id": f"asked-{name}-01",
        "card": card,
    }
    return house.act(send_message, house.actor(name), **more).id


def answer_card(house: House) -> Attempt:
    return Attempt("ben", f"/messages/{asked_of(house, 'ben')}/answer", {"action_id": "yes"})


def post_files(house: House) -> Attempt:
    form = {"body": "hi", "client_id": "attempt-2", "files": (__file__, "a.txt")}
    return Attempt("ben", f"/rooms/{house.room('ben')}/files", form)


def store_file(house: House) -> Attempt:
    return Attempt("ben", f"/rooms/{house.room('ben')}/uploads", {"files": (__file__, "a.txt")})


def drop_file(house: House, who: str = "ben") -> Attempt:
    file = share(house, who, house.home().id, "a.txt", b"words")
    return Attempt(who, f"/uploads/{file.id}/drop")


def mark_read(house: House) -> Attempt:
    room = house.room("ben", "cleo")
    return Attempt("ben", f"/rooms/{room}/read", {"seq": house.say("cleo", room, "news")})


def create_room(house: House, who: str = "ben") -> Attempt:
    return Attempt(who, "/rooms/new", {"name": "Kites", "kind": "private", "member_ids": house.id_of("cleo")})


def join_room(house: House, who: str = "ben") -> Attempt:
    room = house.room("cleo", name=f"For {who}", kind=RoomKind.PUBLIC)
    return Attempt(who, f"/rooms/{room}/join")


def leave_room(house: House) -> Attempt:
    return Attempt("ben", f"/rooms/{house.room('cleo', 'ben')}/leave")


def archive_room(house: House) -> Attempt:
    return Attempt("ben", f"/rooms/{house.room('ben')}/archive")


def rename_room(house: House) -> Attempt:
    return Attempt("ben", f"/rooms/{house.room('ben')}/details", {"name": "Shed", "description": "Tools"})


def add_member(house: House) -> Attempt:
    return Attempt("ben", f"/rooms/{house.room('ben')}/members", {"user_id": house.id_of("cleo")})


def remove_member(house: House) -> Attempt:
    return Attempt("ben", f"/rooms/{house.room('ben', 'cleo')}/members/{house.id_of('cleo')}/remove")


def make_owner(house: House) -> Attempt:
    return Attempt("ben", f"/rooms/{house.room('ben', 'cleo')}/members/{house.id_of('cleo')}/owner")


def start_direct(house: House, who: str = "ben") -> Attempt:
    return Attempt(who, "/direct", {"user_id": house.id_of("cleo")})


def make_token(house: House, who: str = "ben") -> Attempt:
    form = {"name": "Lights", "scopes": "messages:read", "acts_as": "me", "reach": "all", "hours": 24}
    return Attempt(who, "/me/tokens/new", form)


def rotate_token(house: House, who: str = "ben") -> Attempt:
    row, _spelled = new_token(house, who)
    return Attempt(who, f"/me/tokens/{row.id}/rotate", {"overlap_hours": 1})


def revoke_token(house: House, who: str = "ben") -> Attempt:
    row, _spelled = new_token(house, who)
    return Attempt(who, f"/me/tokens/{row.id}/revoke")


def let_newcomer_in(house: House) -> Attempt:
    return Attempt("ada", f"/admin/people/{somebody_waiting(house)}/approve")


def turn_newcomer_away(house: House) -> Attempt:
    return Attempt("ada", f"/admin/people/{somebody_waiting(house)}/refuse")


def change_role(house: House) -> Attempt:
    return Attempt("ada", f"/admin/people/{house.id_of('ben')}/role", {"role": "guest"})


def lock_person(house: House) -> Attempt:
    return Attempt("ada", f"/admin/people/{house.id_of('ben')}/lock")


def unlock_person(house: House) -> Attempt:
    house.act(lock_by_action, Actor.operator(), house.id_of("cleo"))
    return Attempt("ada", f"/admin/people/{house.id_of('cleo')}/unlock")


def sign_person_out(house: House) -> Attempt:
    house.client("ben")
    return Attempt("ada", f"/admin/people/{house.id_of('ben')}/sign-out")


def reset_second_step(house: House) -> Attempt:
    house.turn_on_second_step("ben")
    return Attempt("ada", f"/admin/people/{house.id_of('ben')}/reset-two-factor")


def reset_link(house: House) -> Attempt:
    form = {"clears_two_factor": "on"}
    return Attempt("ada", f"/admin/people/{house.id_of('ben')}/reset-link", form)


def revoke_anybodys_token(house: House) -> Attempt:
    row, _spelled = new_token(house, "ben")
    return Attempt("ada", f"/admin/tokens/{row.id}/revoke")


def make_bot(house: House) -> Attempt:
    return Attempt(
        "ada", "/admin/bots/new", {"name": "Lights", "callback_url": "https://hooks.example.org/x"}
    )


def a_bot(house: House, owner: str = "ben") -> int:
    """Make a bot of somebody's and return its number."""
    wanted = Wanted("Mower", callback_url="https://hooks.example.org/x")
    made = house.act(bot_actions.create_bot, Actor.operator(), wanted, owner_id=house.id_of(owner))
    return made.bot.id


def change_bot(house: House) -> Attempt:
    return Attempt("ada", f"/admin/bots/{a_bot(house)}", {"name": "Lawn", "description": "Of the garden"})


def switch_bot_on(house: House) -> Attempt:
    number = a_bot(house)
    house.act(bot_actions.set_active, Actor.operator(), number, active=False)
    return Attempt("ada", f"/admin/bots/{number}/on")


def switch_bot_off(house: House) -> Attempt:
    return Attempt("ada", f"/admin/bots/{a_bot(house)}/off")


def renew_bot_secret(house: House) -> Attempt:
    return Attempt("ada", f"/admin/bots/{a_bot(house, 'ada')}/secret")


def delete_bot(house: House) -> Attempt:
    return Attempt("ada", f"/admin/bots/{a_bot(house)}/delete")


def save_private_hosts(house: House) -> Attempt:
    return Attempt("ada", "/admin/bots/hosts", {"webhook_private_hosts": "homeassistant.local, 192.168.1.20"})


def replay_delivery(house: House) -> Attempt:
    number = a_bot(house)
    with house.rows() as session, transaction():
        bot = session.get_one(Bot, number)
        said = {"room_id": home_room().id, "client_id": f"replay-{number:04d}", "body": "hi"}
        place = {"seq": 1000 + number, "changed_seq": 1000 + number, "author_id": bot.owner_id}
        session.add(message := Message(**said, **place))
        session.flush()
        row = WebhookDelivery(
            uuid=f"{number:036d}", bot_id=number, message_id=message.id, state="dead", tries=6
        )
        session.add(row)
        session.flush()
        return Attempt("ada", f"/admin/bots/deliveries/{row.id}/replay")


def check_audit_log(house: House) -> Attempt:
    return Attempt("ada", "/admin/audit/check")


def export_audit_log(house: House) -> Attempt:
    return Attempt("ada", "/admin/audit/export", {"format": "csv", "action": "login"})


def save_settings(house: House) -> Attempt:
    return Attempt(
        "ada", "/admin/settings", {"house_name": "Ours", "members_invite": "on", "audit_days": "400"}
    )


def start_lockdown(house: House) -> Attempt:
    form = {"kind": "users", "hours": "1", "reason": "A phone was stolen", "act": "start"}
    return Attempt("ada", "/admin/lockdown", form)


def lift_lockdown(house: House) -> Attempt:
    house.act(lock_down, Actor.operator(), Kind.TOKENS)
    return Attempt("ada", "/admin/lockdown/lift")


ATTEMPTS: dict[str, Callable[..., Attempt]] = {
    "accounts.sign_in_now": sign_in,
    "accounts.sign_out": sign_out,
    "accounts.update_profile": update_profile,
    "accounts.change_password": change_password,
    "accounts.second_step_now": second_step,
    "accounts.enrol_now": enrol,
    "accounts.confirm_now": confirm,
    "accounts.turn_on_second_factor": turn_on_second_factor,
    "accounts.turn_off_second_factor": turn_off_second_factor,
    "accounts.renew_recovery_codes": renew_recovery_codes,
    "accounts.passkey_to_sign_in": passkey_to_sign_in,
    "accounts.sign_in_with_passkey": sign_in_with_passkey,
    "accounts.passkey_to_answer": passkey_to_answer,
    "accounts.answer_with_passkey": answer_with_passkey,
    "accounts.passkey_to_enrol": passkey_to_enrol,
    "accounts.enrol_with_passkey": enrol_with_passkey,
    "accounts.passkey_to_confirm": passkey_to_confirm,
    "accounts.passkey_to_make": passkey_to_make,
    "accounts.add_passkey": add_passkey,
    "accounts.rename_passkey": rename_passkey,
    "accounts.remove_passkey": remove_passkey,
    "accounts.turn_on_with_passkey": turn_on_with_passkey,
    "accounts.revoke_device": revoke_device,
    "accounts.revoke_other_devices": revoke_other_devices,
    "accounts.rename_device": rename_device,
    "accounts.accept_device": accept_device,
    "accounts.reset_now": reset_password,
    "household.found_now": found,
    "household.join_now": join_house,
    "household.sign_up_now": sign_up,
    "household.approve": approve_newcomer,
    "household.refuse": refuse_newcomer,
    "household.invite": invite_somebody,
    "household.invite_again": invite_again,
    "household.revoke_invite": revoke_invite,
    "household.make_token": make_token,
    "household.rotate_token": rotate_token,
    "household.revoke_token": revoke_token,
    "admin.approve": let_newcomer_in,
    "admin.refuse": turn_newcomer_away,
    "admin.change_role": change_role,
    "admin.lock": lock_person,
    "admin.unlock": unlock_person,
    "admin.sign_out_everywhere": sign_person_out,
    "admin.reset_two_factor": reset_second_step,
    "admin.reset_link": reset_link,
    "admin.revoke_token": revoke_anybodys_token,
    "admin.make_bot": make_bot,
    "admin.change_bot": change_bot,
    "admin.switch_bot_on": switch_bot_on,
    "admin.switch_bot_off": switch_bot_off,
    "admin.renew_bot_secret": renew_bot_secret,
    "admin.delete_bot": delete_bot,
    "admin.save_private_hosts": save_private_hosts,
    "admin.replay_delivery": replay_delivery,
    "admin.check_audit_log": check_audit_log,
    "admin.export_audit_log": export_audit_log,
    "admin.save_settings": save_settings,
    "admin.start_lockdown": start_lockdown,
    "admin.lift_lockdown": lift_lockdown,
    "messages.post": post_message,
    "messages.mark_read": mark_read,
    "messages.edit": edit_message,
    "messages.delete": delete_message,
    "messages.react": react_to_message,
    "messages.unreact": take_reaction_back,
    "messages.answer": answer_card,
    "messages.post_files": post_files,
    "uploads.store": store_file,
    "uploads.drop": drop_file,
    "rooms.create": create_room,
    "rooms.join": join_room,
    "rooms.leave": leave_room,
    "rooms.archive": archive_room,
    "rooms.rename": rename_room,
    "rooms.add_member": add_member,
    "rooms.remove_member": remove_member,
    "rooms.make_owner": make_owner,
    "rooms.start_direct": start_direct,
}


@contextmanager
def house_for(endpoint: str, cast_folder: Path, folder: Path) -> Iterator[House]:
    """A house in which the attempt on `endpoint` works: with the cast in it, or one to be founded."""
    if ATTEMPTS[endpoint] is found:
        prepare_house(folder)
    else:
        copy_house(cast_folder, folder)
    house = House(folder)
    yield house
    close(house)


def changing_endpoints(app: Flask) -> set[str]:
    """Return the endpoints of pages that may change something; those of the API have a table of their own."""
    rules = [rule for rule in app.url_map.iter_rules() if not rule.endpoint.startswith("api.")]
    return {rule.endpoint for rule in rules if (rule.methods or set()) & CHANGING}


def everything_in(house: House) -> dict[str, list[Any]]:
    """Return all rows of all tables, to see whether anything changed."""
    with house.rows() as session:
        return {
            table.name: sorted(map(repr, session.execute(sa.select(table)).all()))
            for table in Base.metadata.sorted_tables
        }
