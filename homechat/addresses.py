"""What a network address is counted as."""

from __future__ import annotations

import ipaddress


def address_key(address: str) -> str:
    """Return what an address is counted as: IPv4 as it is, IPv6 by its /64, which is what one household gets.

    Anything else is returned unchanged, "" as "unknown": then all of those share one budget.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address or "unknown"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
