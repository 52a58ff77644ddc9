"""The newsroom's secret keys and everything that is made with them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from newsletter.errors import InputError
from newsletter.tokens.errors import ExpiredTokenError, TokenError
from newsletter.tokens.fresh import FRESH_LENGTH, Fresh, FreshSeal, Purpose, stamp_of
from newsletter.tokens.seals import LENGTH, Key, Seal, decoded

USER_TOKEN = "NEWSLETTER_USER_TOKEN"  # noqa: S105 - the name of an environment variable: who acts at the command line
INERT = "this-is-a-test-mail-no-link-acts"
"""Stands in a test mail where a reader's token would. Of a token's form and opens nothing: no key has sealed it."""

_BOUNCE_MAC_BYTES = 10
_TRACK = b"track"
_LEAVE = b"leave"


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """The newsroom's keys, by number (0 to 255). New ones are made with the highest; the others are only read.

    1.7 µs a token on one core.

    Args:
        secrets: 16 bytes or more each.

    Raises:
        InputError: there is no key, or one is too short to be one.
    """

    secrets: Mapping[int, bytes] = field(repr=False)
    _keys: dict[int, Key] = field(init=False, repr=False, compare=False)
    _seals: dict[tuple[bytes, int], Seal] = field(init=False, repr=False, compare=False)
    _newest: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.secrets or any(not 0 <= number <= 255 for number in self.secrets):
            raise InputError(
                "there must be a secret key, numbered from 0 to 255",
                remedy="Put it back from a backup, or make one with `openssl rand -hex 32`",
            )
        if min(map(len, self.secrets.values())) < 16:
            raise InputError("a secret key must have 16 bytes or more", remedy="Make one with `openssl rand -hex 32`")
        derived = {number: Key.derived(hashlib.sha256(secret).digest()) for number, secret in self.secrets.items()}
        object.__setattr__(self, "_keys", derived)
        pairs = [(purpose, number) for purpose in (_TRACK, _LEAVE) for number in derived]
        seals = {(purpose, number): Seal.of(number, derived[number], purpose) for purpose, number in pairs}
        object.__setattr__(self, "_seals", seals)
        object.__setattr__(self, "_newest", max(derived))

    def track(self, subscriber_id: int, mailing_id: int) -> str:
        """The token in links and the pixel: who got what."""
        return self._seals[_TRACK, self._newest].close(subscriber_id, mailing_id)

    def read_track(self, token: str) -> tuple[int, int]:
        """(subscriber, mailing).

        Raises:
            TokenError: it is no track token of ours.
        """
        return self._open(_TRACK, token)

    def leave(self, subscriber_id: int, list_id: int) -> str:
        """The token for unsubscribing and preferences. It has no date: it works for years."""
        return self._seals[_LEAVE, self._newest].close(subscriber_id, list_id)

    def read_leave(self, token: str) -> tuple[int, int]:
        """(subscriber, list).

        Raises:
            TokenError: it is no leave token of ours.
        """
        return self._open(_LEAVE, token)

    def fresh(self, purpose: Purpose, subscriber_id: int, other_id: int, *, address_key: str, until: datetime) -> str:
        """A token to be mailed on request: for one purpose, until a second, and to the owner of one address.

        Args:
            purpose: what it opens.
            subscriber_id: whom it is about.
            other_id: a list (confirm), or a notice (address); of no meaning where it is to manage.
            address_key: the subscriber's own at present: once that is another one, the token is worth nothing.
            until: the last second at which it opens anything; aware.
        """
        content = Fresh(
            subscriber_id=subscriber_id,
            other_id=other_id,
            until=until,
            stamp=stamp_of(self._keys[self._newest], address_key),
        )
        return FreshSeal.of(self._newest, self._keys[self._newest], purpose).close(content)

    def read_fresh(self, purpose: Purpose, token: str, *, now: datetime) -> Fresh:
        """What a fresh token holds. Whether it is bound to the address is for `is_bound` to say, once that is known.

        Only the newest key opens one: a key is retired where it may have leaked, and then nobody may make links with it
        that show or erase a person's data. Those that are out, for a day at most, are asked for again.

        Raises:
            TokenError: it is none of ours, or for another purpose.
            ExpiredTokenError: it is, and its time is over, or its key is retired.
        """
        number = decoded(token, FRESH_LENGTH)[0]
        if (key := self._keys.get(number)) is None:
            raise TokenError.invalid()
        content = FreshSeal.of(number, key, purpose).open(token, now=now)
        if number != self._newest:
            raise ExpiredTokenError.over()
        return content

    def is_bound(self, content: Fresh, address_key: str) -> bool:
        """Whether the token was mailed to the owner of this address."""
        return hmac.compare_digest(content.stamp, stamp_of(self._keys[self._newest], address_key))

    def rate_key(self, kind: str, counted: str) -> str:
        """A keyed hash, 32 hexadecimal digits, under which something is counted (an address, a network)."""
        key = self._keys[self._newest].rate
        return hashlib.blake2b(f"{kind}\n{counted}".encode(), key=key, digest_size=16).hexdigest()

    def fingerprint(self, address_key: str) -> str:
        """A keyed hash, 64 hexadecimal digits: all that is kept of an erased person.

        Made with the oldest key, so that a new key does not forget whom the old one knew.
        """
        key = self._keys[min(self._keys)].erased
        return hashlib.blake2b(address_key.encode(), key=key, digest_size=32).hexdigest()

    def fingerprints(self) -> dict[int, str]:
        """What may be known of each key, by its number: 32 hexadecimal digits that tell whether two keys are the same."""
        return {
            number: hashlib.blake2b(b"", key=key.mac, person=b"known", digest_size=16).hexdigest()
            for number, key in sorted(self._keys.items())
        }

    def user_hash(self, token: str) -> str:
        """A keyed hash, 64 hexadecimal digits: all that is kept of a user's token.

        A fast hash will do: the token is 256 random bits, which nobody guesses however fast the guessing is. Made with
        the oldest key, like `fingerprint`.
        """
        key = self._keys[min(self._keys)].user
        return hashlib.blake2b(token.encode("utf-8", "surrogatepass"), key=key, digest_size=32).hexdigest()

    def bounce_mac(self, payload: bytes) -> bytes:
        """A MAC of 10 bytes over what a return path names, so that nobody makes a bounce up."""
        return _bounce_mac(self._keys[max(self._keys)], payload)

    def is_bounce_mac(self, mac: bytes, payload: bytes) -> bool:
        """Whether one of the keys made the MAC for this payload."""
        # No key's number travels along, the address being short: there are few keys, and each is asked.
        return any(hmac.compare_digest(mac, _bounce_mac(key, payload)) for key in self._keys.values())

    def _open(self, purpose: bytes, token: str) -> tuple[int, int]:
        sealed = decoded(token, LENGTH)
        if (seal := self._seals.get((purpose, sealed[0]))) is None:
            raise TokenError.invalid()
        return seal.open(sealed)


def _bounce_mac(key: Key, payload: bytes) -> bytes:
    return hashlib.blake2b(payload, key=key.bounce, person=b"bounce", digest_size=_BOUNCE_MAC_BYTES).digest()
