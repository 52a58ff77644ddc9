"""How a lasting token is sealed.

A token is 24 bytes in URL-safe base64: the key's number (1 byte), 11 bytes of payload (subscriber: 6, the other: 5) and
a MAC of 12. Encryption is deterministic with a synthetic IV (the idea of RFC 5297, over keyed BLAKE2b): the MAC of the
payload is the IV that masks it, so that the same pair always gives the same token and two tokens do not tell whether
they share a subscriber. `purpose` goes into both as BLAKE2b's `person`, so that a track token never opens what a leave
token does. 96 bits of MAC: a forger who tries a million a second needs 10^15 years.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import Self

from newsletter.tokens.errors import TokenError

LENGTH = 32
LARGEST_SUBSCRIBER = 2**48 - 1
LARGEST_OTHER = 2**40 - 1

_MAC_BYTES = 12
_PAYLOAD_BYTES = 11


@dataclass(frozen=True, slots=True)
class Key:
    """What is derived of one secret: a key for each use."""

    mac: bytes
    mask: bytes
    erased: bytes
    user: bytes
    bounce: bytes
    fresh: bytes
    fresh_mask: bytes
    stamp: bytes
    rate: bytes

    @classmethod
    def derived(cls, secret: bytes) -> Self:
        """Separate keys for separate uses."""
        derive = (
            hashlib.blake2b(key=secret, person=use, digest_size=32).digest()
            for use in (b"mac", b"mask", b"erased", b"user", b"bounce", b"fresh", b"fresh mask", b"stamp", b"rate")
        )
        return cls(*derive)


@dataclass(frozen=True, slots=True)
class Seal:
    """One key for one purpose: hashes that have taken it in. To copy one takes half as long as to make it."""

    number: int
    mac: hashlib.blake2b
    mask: hashlib.blake2b

    @classmethod
    def of(cls, number: int, key: Key, purpose: bytes) -> Self:
        """The hashes; that of the MAC begins with the key's number."""
        mac = hashlib.blake2b(bytes([number]), key=key.mac, person=purpose, digest_size=_MAC_BYTES)
        return cls(number, mac, hashlib.blake2b(key=key.mask, person=purpose, digest_size=_PAYLOAD_BYTES))

    def mac_of(self, payload: bytes) -> bytes:
        """The MAC, which is the IV as well."""
        hashed = self.mac.copy()
        hashed.update(payload)
        return hashed.digest()

    def masked(self, mac: bytes, payload: bytes) -> bytes:
        """The payload under (or out from under) a mask that only the key and the MAC give."""
        hashed = self.mask.copy()
        hashed.update(mac)
        mask = int.from_bytes(hashed.digest(), "big")
        return (mask ^ int.from_bytes(payload, "big")).to_bytes(_PAYLOAD_BYTES, "big")

    def close(self, subscriber_id: int, other_id: int) -> str:
        """The token.

        Raises:
            ValueError: a number does not fit.
        """
        if not (0 < subscriber_id <= LARGEST_SUBSCRIBER and 0 < other_id <= LARGEST_OTHER):
            raise ValueError(f"ids {subscriber_id} and {other_id} do not fit into a token")
        payload = ((subscriber_id << 40) | other_id).to_bytes(_PAYLOAD_BYTES, "big")
        mac = self.mac_of(payload)
        sealed = b"%c%b%b" % (self.number, self.masked(mac, payload), mac)
        return base64.urlsafe_b64encode(sealed).decode("ascii")

    def open(self, sealed: bytes) -> tuple[int, int]:
        """The numbers in the bytes of a token.

        Raises:
            TokenError: this key has not sealed it for this purpose.
        """
        mac = sealed[-_MAC_BYTES:]
        payload = self.masked(mac, sealed[1:-_MAC_BYTES])
        if not hmac.compare_digest(mac, self.mac_of(payload)):
            raise TokenError.invalid()
        return int.from_bytes(payload[:6], "big"), int.from_bytes(payload[6:], "big")


def decoded(token: str, length: int) -> bytes:
    """The bytes of a token of `length` characters.

    Raises:
        TokenError: it has not the form of one.
    """
    # The decoder skips what is not in its alphabet; only what encodes back to itself is a token.
    if len(token) == length and token.isascii():
        try:
            sealed = base64.urlsafe_b64decode(token)
        except binascii.Error:
            sealed = b""
        if base64.urlsafe_b64encode(sealed).decode("ascii") == token:
            return sealed
    raise TokenError.invalid()
