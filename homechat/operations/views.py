"""`/metrics`: the house in numbers, for a scraper with a token, or one of a network that the settings name."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from flask import Response, request
from flask_babel import gettext as _

from homechat.accounts import api_requests, bearers
from homechat.actor import Actor, Door
from homechat.doors.bearers import refuse_in_lockdown, token_of_request
from homechat.doors.people import client_address, client_user_agent
from homechat.errors import NotFound
from homechat.extensions import current_settings
from homechat.operations.health import blueprint
from homechat.operations.prometheus import CONTENT_TYPE, text_of
from homechat.operations.totals import totals
from homechat.security import limits
from homechat.security.policy import Scope, was_given

# A proxy names whom it speaks for by one of these. Who comes straight has no reason to send any.
OF_PROXIES = (
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-Ip",
)


@blueprint.get("/metrics")
def metrics() -> Response:
    """The numbers as Prometheus reads them; to everybody else there is nothing here."""
    token = token_of_request()
    actor = _scraper_with(token) if token else _scraper_nearby()
    if actor is None:
        raise NotFound(_("There is nothing at this address."))
    return Response(text_of(totals(actor)), content_type=CONTENT_TYPE)


def _scraper_with(token: str) -> Actor | None:
    row = bearers.find(token)
    if row is None:
        limits.spend(limits.API_ADDRESS, client_address())
        return None
    limits.spend(limits.API, row.id)
    actor = bearers.actor_of(row, door=Door.API, address=client_address(), user_agent=client_user_agent())
    if current_settings().is_https and not request.is_secure:
        # Others on the way could read it: it is no secret any more.
        api_requests.note_refused(actor, method="GET", route=request.path, why="plain http")
        return None
    refuse_in_lockdown(actor)
    if not was_given(actor, Scope.ADMIN_READ):
        return None
    bearers.touch(row, actor.address)
    api_requests.note_read(actor)
    return actor


def _scraper_nearby() -> Actor | None:
    """Return the house itself as who asks, where the connection comes out of one of the networks of the settings.

    What a proxy says of the far end counts for nothing here, trusted or not: it is let in for itself by nobody.
    """
    if any(header in request.headers for header in OF_PROXIES):
        return None
    peer = _peer()
    is_near = any(peer in ip_network(each) for each in current_settings().metrics_networks) if peer else False
    return Actor.system() if is_near else None


def _peer() -> IPv4Address | IPv6Address | None:
    """Return the other end of the connection itself, whatever a proxy says of it; None where it has no address."""
    before_proxies = request.environ.get("werkzeug.proxy_fix.orig", request.environ)
    try:
        peer = ip_address(str(before_proxies.get("REMOTE_ADDR", "")).partition("%")[0])
    except ValueError:
        return None
    return (peer.ipv4_mapped or peer) if isinstance(peer, IPv6Address) else peer
