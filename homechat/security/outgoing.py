"""Which addresses the house may call: everything out there by https, and at home only what somebody has listed.

Pure: nothing here looks a name up or opens a connection; `security/sending.py` does. Python's `ipaddress.is_global`
says yes to a good deal that leads back inside (64:ff9b::/96, 2002::/16, multicast …), so the tables are our own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

URL_MAX_CHARACTERS = 2000
LISTED_MAX = 50
DEFAULT_PORTS = {"http": 80, "https": 443}

# IANA's special-purpose registries, and 168.63.129.16, at which a cloud answers its machines.
_INTERNAL_V4 = tuple(
    map(
        IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
            *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
        ),
    )
)
# Of IPv6 only what is given out to the world, and of that not what leads elsewhere.
_GLOBAL_V6 = IPv6Network("2000::/3")
_INTERNAL_V6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
# What a family has at home. Everything else that is internal, the metadata of a cloud say, cannot be listed at all.
LISTABLE: tuple[Network, ...] = tuple(
    map(
        ip_network,
        (
            *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "100.64.0.0/10"),
            *("fc00::/7", "::1/128"),
        ),
    )
)

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
# Resolvers read 127.1, 0x7f.1 and 2130706433 as addresses. Nobody writes a host like that who means well.
_NUMERIC = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)\.?")


class Refused(Exception):
    """The house does not call this address. One word for every reason: who asks shall not learn what is in there."""


@dataclass(frozen=True)
class Target:
    """Where an address leads. host: lower case, without brackets and final dot.  path: with what stands behind `?`."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_https(self) -> bool:
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """What stands in the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True)
class PrivateHosts:
    """The hosts at home that may be called: names as they stand in addresses, and networks."""

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    def allow(self, host: str, address: Address) -> bool:
        """Whether `host` may be called at this internal address."""
        if not any(address in network for network in LISTABLE):
            return False
        return host in self.names or any(address in network for network in self.networks)


def target_of(url: str) -> Target:
    """Return where `url` leads. Raises Refused for anything but a plain http or https address of a host.

    No user name, no fragment, no spelling of a number but the usual one, ASCII only (a name in another script is
    written xn--…), no zone.
    """
    if len(url) > URL_MAX_CHARACTERS or not re.fullmatch(r"[!-~]+", url) or "\\" in url:
        raise Refused
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").removesuffix(".")
    except ValueError as error:
        raise Refused from error
    if parts.scheme not in DEFAULT_PORTS or "@" in parts.netloc or parts.fragment or port == 0:
        raise Refused
    if not _is_host(host):
        raise Refused
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme], path)


def origin_of(url: str) -> str:
    """Return where an address leads without what stands behind its host, which may be secret; "" for none."""
    try:
        target = target_of(url)
    except Refused:
        return ""
    return f"{target.scheme}://{target.authority}"


def addresses_to_call(target: Target, answers: Iterable[str], listed: PrivateHosts) -> list[str]:
    """Return the addresses of `answers`, which `target.host` was looked up as, if each of them may be called.

    Raises Refused when one is internal and not listed, when there is none, and for plain http to the world.
    """
    found = [_unwrapped(ip_address(answer.partition("%")[0])) for answer in dict.fromkeys(answers)]
    internal = [address for address in found if is_internal(address)]
    if not found or not all(listed.allow(target.host, address) for address in internal):
        raise Refused
    if not target.is_https and len(internal) < len(found):
        raise Refused
    return [str(address) for address in found]


def is_internal(address: Address) -> bool:
    """Whether an address leads anywhere but out into the world."""
    address = _unwrapped(address)
    if isinstance(address, IPv4Address):
        return any(address in network for network in _INTERNAL_V4)
    return address not in _GLOBAL_V6 or any(address in network for network in _INTERNAL_V6)


def private_hosts(text: str) -> PrivateHosts:
    """Return what a list of hosts means: names, addresses and networks, with blanks or commas between.

    Raises ValueError with the entry that makes no sense, or that may not be listed.
    """
    entries = [entry for entry in re.split(r"[\s,]+", text.lower()) if entry]
    names, networks = set(), []
    for entry in entries:
        network = _network(entry)
        if network is not None and any(_is_within(network, other) for other in LISTABLE):
            networks.append(network)
        elif network is None and _NAME.fullmatch(entry) and not _NUMERIC.fullmatch(entry):
            names.add(entry.removesuffix("."))
        else:
            raise ValueError(entry)
    if len(entries) > LISTED_MAX:
        raise ValueError(entries[LISTED_MAX])
    return PrivateHosts(frozenset(names), tuple(networks))


def is_literal(host: str) -> bool:
    """Whether a host is an address already, so that there is no name to look up."""
    return ":" in host or bool(_NUMERIC.fullmatch(host))


def _is_host(host: str) -> bool:
    if not is_literal(host):
        return len(host) <= 253 and bool(_NAME.fullmatch(host))
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return "%" not in host and (isinstance(address, IPv6Address) or str(address) == host)


def _network(entry: str) -> Network | None:
    try:
        return ip_network(entry.strip("[]"))
    except ValueError:
        return None


def _is_within(network: Network, other: Network) -> bool:
    if isinstance(network, IPv4Network) and isinstance(other, IPv4Network):
        return network.subnet_of(other)
    if isinstance(network, IPv6Network) and isinstance(other, IPv6Network):
        return network.subnet_of(other)
    return False


def _unwrapped(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
