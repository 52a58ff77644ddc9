"""The return path of each attempt (VERP): a bounce comes back to an address that names what it is about.

`bounces+<delivery>-<attempt>-<mac>@domain`. The MAC keeps strangers from making bounces up; digits and lower-case
base32 survive the servers that change the case of addresses.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from newsletter.errors import InputError
from newsletter.tokens import TokenKeys

LONGEST = 64 - len("+-") - 19 - 9 - len("-") - 16
"""Octets that may stand before the @ in the newsroom's address, of the 64 that servers must take (RFC 5321 section
4.5.3.1.1): a delivery has at most 19 digits, an attempt 9, the MAC 16 characters."""

_LONGEST_ADDRESS = 320

# Numbers without leading zeros: each has one spelling, and the MAC is over that.
_TAGGED = re.compile(r"[^@\s]+\+([1-9][0-9]{0,18})-([1-9][0-9]{0,8})-([a-z2-7]{16})@[^@\s]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Returned:
    """What a return path names: a delivery, and which attempt at it (its fence)."""

    delivery: int
    attempt: int


def check(address: str) -> None:
    """Refuse an address that leaves no room for what is added to it.

    Raises:
        InputError: it is too long.
    """
    if len(address.rpartition("@")[0].encode()) > LONGEST:
        raise InputError(
            f"return_path has more than {LONGEST} characters before the @: what is added there would not fit",
            where="[sender] in newsletter.toml",
            remedy="Choose a shorter one, such as bounces@…",
        )


def return_path(address: str, delivery: int, attempt: int, keys: TokenKeys) -> str:
    """The address that bounces of one attempt at a delivery go to. 3 µs.

    Args:
        address: where bounces are received, such as `bounces@news.example`; its server takes `bounces+anything` too.
        delivery: the delivery's id.
        attempt: its fence.
        keys: the newsroom's.
    """
    tag = f"{delivery}-{attempt}"
    mac = base64.b32encode(keys.bounce_mac(tag.encode())).decode("ascii").lower()
    local, _, domain = address.rpartition("@")
    return f"{local}+{tag}-{mac}@{domain}"


def read(address: str, keys: TokenKeys) -> Returned | None:
    """What the address that a bounce came to names; None where it is none of ours, whatever it is.

    Whatever stands before the + and after the @: bounces to a return path of former settings still count.
    """
    if len(address) > _LONGEST_ADDRESS or not address.isascii():
        return None
    found = _TAGGED.fullmatch(address.lower())
    if found is None:
        return None
    delivery, attempt, mac = found.groups()
    if not keys.is_bounce_mac(base64.b32decode(mac.upper()), f"{delivery}-{attempt}".encode()):
        return None
    return Returned(delivery=int(delivery), attempt=int(attempt))
