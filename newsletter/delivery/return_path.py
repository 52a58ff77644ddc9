"""The return path of each attempt (VERP): a bounce comes back to an address that names what it is about.

`bounces+<delivery>-<attempt>-<mac>@domain`. The MAC keeps strangers from making bounces up; digits and lower-case
base32 survive the servers that change the case of addresses. At most 64 octets stand before the @ (RFC 5321 section
4.5.3.1.1).
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field

from newsletter.errors import InputError
from newsletter.tokens import TokenKeys

_LONGEST_LOCAL = 64
_LONGEST_ADDRESS = 320
_LONGEST_TAG = len("+") + 19 + len("-") + 9 + len("-") + 16
"""A delivery has at most 19 digits, an attempt 9, the MAC 16 characters."""

# Numbers without leading zeros: each has one spelling, and the MAC is over that.
_TAGGED = re.compile(r"[^@\s]+\+([1-9][0-9]{0,18})-([1-9][0-9]{0,8})-([a-z2-7]{16})@[^@\s]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Returned:
    """What a return path names: a delivery, and which attempt at it (its fence)."""

    delivery: int
    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ReturnPath:
    """Makes the return paths and reads them. 4 µs an address.

    Args:
        address: where bounces are received, such as `bounces@news.example`; its server must take `bounces+anything` too.
        keys: the newsroom's.

    Raises:
        InputError: with what is added to it, the address is too long.
    """

    address: str
    keys: TokenKeys = field(repr=False)

    def __post_init__(self) -> None:
        longest = _LONGEST_LOCAL - _LONGEST_TAG
        if len(self.address.rpartition("@")[0].encode()) > longest:
            raise InputError(
                f"the part before the @ has more than {longest} characters, which leaves no room for what is added to it",
                where="[sender] return_path",
                remedy="Choose a short one, such as bounces",
            )

    def of(self, delivery: int, attempt: int) -> str:
        """The return path of one attempt at a delivery."""
        payload = f"{delivery}-{attempt}"
        mac = base64.b32encode(self.keys.bounce_mac(payload.encode())).decode("ascii").lower()
        local, _, domain = self.address.rpartition("@")
        return f"{local}+{payload}-{mac}@{domain}"


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
