"""How a fresh token is sealed: one that is mailed on request and opens more than a forwarded mail may.

36 bytes in URL-safe base64: the key's number (1 byte), 19 bytes of payload (subscriber: 6, the other: 5, the last second
at which it opens anything: 4, a stamp of the address it is mailed to: 4) and a MAC of 16, which masks the payload as in
`seals`. 128 bits of MAC for what shows and erases a person's data.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

from newsletter.tokens.errors import ExpiredTokenError, TokenError
from newsletter.tokens.seals import LARGEST_OTHER, LARGEST_SUBSCRIBER, Key, decoded

FRESH_LENGTH = 48

_MAC_BYTES = 16
_PAYLOAD_BYTES = 19
_STAMP_BYTES = 4
_LAST_SECOND = 2**32 - 1


class Purpose(StrEnum):
    """What a fresh token opens, and nothing else. At most 16 letters: it is BLAKE2b's `person`."""

    CONFIRM = "confirm"
    MANAGE = "manage"
    ADDRESS = "address"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fresh:
    """What a fresh token holds. `until` is the last second at which it opens anything; `stamp` tells whose address it was
    mailed to.
    """

    subscriber_id: int
    other_id: int
    until: datetime
    stamp: bytes


def stamp_of(key: Key, address_key: str) -> bytes:
    """Four bytes that another address has once in 4,000 million times: the MAC protects, this only tells old from new."""
    return hashlib.blake2b(address_key.encode(), key=key.stamp, digest_size=_STAMP_BYTES).digest()


@dataclass(frozen=True, slots=True)
class FreshSeal:
    """One key for one purpose."""

    number: int
    key: Key
    purpose: bytes

    @classmethod
    def of(cls, number: int, key: Key, purpose: Purpose) -> Self:
        """The seal of the key with this number."""
        return cls(number, key, purpose.value.encode("ascii"))

    def close(self, content: Fresh) -> str:
        """The token.

        Raises:
            ValueError: a number does not fit.
        """
        until = int(content.until.timestamp())
        fits = 0 < content.subscriber_id <= LARGEST_SUBSCRIBER and 0 < content.other_id <= LARGEST_OTHER
        if not fits or not 0 <= until <= _LAST_SECOND or content.until.tzinfo is None:
            raise ValueError(f"{content!r} does not fit into a token")
        numbers = ((content.subscriber_id << 40 | content.other_id) << 32 | until).to_bytes(15, "big")
        mac = self._mac(numbers + content.stamp)
        sealed = b"%c%b%b" % (self.number, self._masked(mac, numbers + content.stamp), mac)
        return base64.urlsafe_b64encode(sealed).decode("ascii")

    def open(self, token: str, *, now: datetime) -> Fresh:
        """What the token holds.

        Raises:
            TokenError: this key has not sealed it for this purpose.
            ExpiredTokenError: it has, and its time is over.
        """
        sealed = decoded(token, FRESH_LENGTH)
        mac = sealed[-_MAC_BYTES:]
        payload = self._masked(mac, sealed[1:-_MAC_BYTES])
        if sealed[0] != self.number or not hmac.compare_digest(mac, self._mac(payload)):
            raise TokenError.invalid()
        until = int.from_bytes(payload[11:15], "big")
        if now.timestamp() >= until + 1:
            raise ExpiredTokenError.over()
        return Fresh(
            subscriber_id=int.from_bytes(payload[:6], "big"),
            other_id=int.from_bytes(payload[6:11], "big"),
            until=datetime.fromtimestamp(until, UTC),
            stamp=payload[15:],
        )

    def _mac(self, payload: bytes) -> bytes:
        numbered = bytes([self.number]) + payload
        return hashlib.blake2b(numbered, key=self.key.fresh, person=self.purpose, digest_size=_MAC_BYTES).digest()

    def _masked(self, mac: bytes, payload: bytes) -> bytes:
        hashed = hashlib.blake2b(mac, key=self.key.fresh_mask, person=self.purpose, digest_size=_PAYLOAD_BYTES).digest()
        mask = int.from_bytes(hashed, "big")
        return (mask ^ int.from_bytes(payload, "big")).to_bytes(_PAYLOAD_BYTES, "big")
