"""Network addresses: who calls us, through the proxies we trust, and lists of networks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any

Network = IPv4Network | IPv6Network


def client_address(environ: Mapping[str, Any], *, proxies: int) -> str:
    """Who sent a request, as written; "" where that is unknown.

    `proxies` of ours stand in front, each adding who called it to X-Forwarded-For: so
    many from the end are believed. What stands before them anybody may have written.
    """
    hops = str(environ.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    if 0 < proxies <= len(hops) and hops[-proxies].strip():
        return hops[-proxies].strip()
    return str(environ.get("REMOTE_ADDR", ""))


def parse_networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks, apart by spaces, commas or lines. Raises ValueError."""
    return tuple(
        ip_network(word, strict=False) for word in re.split(r"[\s,;]+", text) if word
    )


def is_within(address: str, networks: Iterable[Network]) -> bool:
    """Is the address in one of the networks? One that is no address is in none."""
    try:
        known = _known(address)
    except ValueError:
        return False
    return any(known in network for network in networks)


# Some proxies write the port behind the address.
_WITH_PORT = re.compile(r"\[(?P<six>[^]]+)\](:\d+)?|(?P<four>[\d.]+):\d+")


def _known(address: str) -> IPv4Address | IPv6Address:
    found = _WITH_PORT.fullmatch(address)
    plain = (found["six"] or found["four"]) if found else address
    ip = ip_address(plain)
    # A server that listens on both kinds shows IPv4 as ::ffff:203.0.113.7.
    return getattr(ip, "ipv4_mapped", None) or ip
