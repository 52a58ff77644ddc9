"""Recipient tokens: 32 characters that name a subscriber and a mailing or a list to us, and nothing to anybody else.

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
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from newsletter.errors import InputError, NewsletterError

LENGTH = 32
SECRET_NAME = "NEWSLETTER_SECRET_KEY"  # noqa: S105 - the name of an environment variable
USER_TOKEN = "NEWSLETTER_USER_TOKEN"  # noqa: S105 - as above: who acts at the command line
INERT = "this-is-a-test-mail-no-link-acts"
"""Stands in a test mail where a reader's token would. Of a token's form and opens nothing: no key has sealed it."""

_KEY_BYTES = 32
_MAC_BYTES = 12
_PAYLOAD_BYTES = 11
_BOUNCE_MAC_BYTES = 10
_LARGEST_SUBSCRIBER = 2**48 - 1
_LARGEST_OTHER = 2**40 - 1
_TRACK = b"track"
_LEAVE = b"leave"


class TokenError(NewsletterError):
    """The token is not one of ours, or not for this purpose. The text never repeats it."""


@dataclass(frozen=True, slots=True)
class _Key:
    mac: bytes
    mask: bytes
    erased: bytes
    user: bytes
    bounce: bytes

    @classmethod
    def derived(cls, secret: bytes) -> Self:
        """Separate keys for separate uses."""
        derive = (
            hashlib.blake2b(key=secret, person=use, digest_size=32).digest()
            for use in (b"mac", b"mask", b"erased", b"user", b"bounce")
        )
        return cls(*derive)


@dataclass(frozen=True, slots=True)
class _Seal:
    """One key for one purpose: hashes that have taken it in. To copy one takes half as long as to make it."""

    number: int
    mac: hashlib.blake2b
    mask: hashlib.blake2b

    @classmethod
    def of(cls, number: int, key: _Key, purpose: bytes) -> Self:
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
    _keys: dict[int, _Key] = field(init=False, repr=False, compare=False)
    _seals: dict[tuple[bytes, int], _Seal] = field(init=False, repr=False, compare=False)
    _newest: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.secrets or any(not 0 <= number <= 255 for number in self.secrets):
            raise InputError(
                "there must be a secret key, numbered from 0 to 255",
                remedy="Put it back from a backup, or make one with `openssl rand -hex 32`",
            )
        if min(map(len, self.secrets.values())) < 16:
            raise InputError("a secret key must have 16 bytes or more", remedy="Make one with `openssl rand -hex 32`")
        derived = {number: _Key.derived(hashlib.sha256(secret).digest()) for number, secret in self.secrets.items()}
        object.__setattr__(self, "_keys", derived)
        pairs = [(purpose, number) for purpose in (_TRACK, _LEAVE) for number in derived]
        seals = {(purpose, number): _Seal.of(number, derived[number], purpose) for purpose, number in pairs}
        object.__setattr__(self, "_seals", seals)
        object.__setattr__(self, "_newest", max(derived))

    def track(self, subscriber_id: int, mailing_id: int) -> str:
        """The token in links and the pixel: who got what."""
        return self._seal(_TRACK, subscriber_id, mailing_id)

    def read_track(self, token: str) -> tuple[int, int]:
        """(subscriber, mailing).

        Raises:
            TokenError: it is no track token of ours.
        """
        return self._open(_TRACK, token)

    def leave(self, subscriber_id: int, list_id: int) -> str:
        """The token for unsubscribing and preferences. It has no date: it works for years."""
        return self._seal(_LEAVE, subscriber_id, list_id)

    def read_leave(self, token: str) -> tuple[int, int]:
        """(subscriber, list).

        Raises:
            TokenError: it is no leave token of ours.
        """
        return self._open(_LEAVE, token)

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

    def _seal(self, purpose: bytes, subscriber_id: int, other_id: int) -> str:
        if not (0 < subscriber_id <= _LARGEST_SUBSCRIBER and 0 < other_id <= _LARGEST_OTHER):
            raise ValueError(f"ids {subscriber_id} and {other_id} do not fit into a token")
        seal = self._seals[purpose, self._newest]
        payload = ((subscriber_id << 40) | other_id).to_bytes(_PAYLOAD_BYTES, "big")
        mac = seal.mac_of(payload)
        sealed = b"%c%b%b" % (seal.number, seal.masked(mac, payload), mac)
        return base64.urlsafe_b64encode(sealed).decode("ascii")

    def _open(self, purpose: bytes, token: str) -> tuple[int, int]:
        sealed = _decoded(token)
        number, mac = sealed[0], sealed[-_MAC_BYTES:]
        if (seal := self._seals.get((purpose, number))) is None:
            raise TokenError("this link is not valid", remedy=_REMEDY)
        payload = seal.masked(mac, sealed[1:-_MAC_BYTES])
        if not hmac.compare_digest(mac, seal.mac_of(payload)):
            raise TokenError("this link is not valid", remedy=_REMEDY)
        return int.from_bytes(payload[:6], "big"), int.from_bytes(payload[6:], "big")


_REMEDY = "Use the link as it stands in the e-mail, whole"


def _decoded(token: str) -> bytes:
    # The decoder skips what is not in its alphabet; only what encodes back to itself is a token.
    if len(token) == LENGTH and token.isascii():
        try:
            sealed = base64.urlsafe_b64decode(token)
        except binascii.Error:
            sealed = b""
        if base64.urlsafe_b64encode(sealed).decode("ascii") == token:
            return sealed
    raise TokenError("this link is not valid", remedy=_REMEDY)


def _bounce_mac(key: _Key, payload: bytes) -> bytes:
    return hashlib.blake2b(payload, key=key.bounce, person=b"bounce", digest_size=_BOUNCE_MAC_BYTES).digest()


def load_keys(given: str | None, file: Path, *, new: bool = True) -> TokenKeys:
    """The newsroom's keys.

    Args:
        given: the secret NEWSLETTER_SECRET_KEY: one key, or several separated by commas, oldest first: a new one is
            added at the end and none taken away, so that links in old mail go on working; None where it is not set.
        file: where the keys are kept otherwise, one a line in the same order; made with one new key on first use, for
            its owner's eyes only.
        new: whether the newsroom is new. Where it is not, a missing file means that the key is lost or kept elsewhere,
            and another one would break every link already mailed.

    Raises:
        InputError: the key is too short or missing, or the file cannot be read or made.
    """
    text = given.replace(",", "\n") if given is not None else _kept(file, new=new)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    try:
        return TokenKeys({number: line.encode() for number, line in enumerate(lines)})
    except InputError as error:
        where = SECRET_NAME if given is not None else str(file)
        raise InputError(error.what, where=where, remedy=error.remedy) from None


def _kept(file: Path, *, new: bool) -> str:
    if not new and not file.exists():
        raise InputError(
            "the secret key is missing, and links in old mail need it",
            where=str(file),
            remedy=f"Put it back from a backup, or set {SECRET_NAME}",
        )
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            _make(file)
        return file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"the secret key cannot be read or made: {getattr(error, 'strerror', None) or 'is no text'}",
            where=str(file),
            remedy="Put the key back from a backup: links in old mail need it",
        ) from error


def _make(file: Path) -> None:
    """Write a new key. Whoever links first wins: of two processes that start at once both go on with the same key."""
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            opened.write(secrets.token_hex(_KEY_BYTES) + "\n")
            opened.flush()
            os.fsync(descriptor)
        try:
            # Unlike os.replace, a link never takes the place of a file that is there.
            os.link(temporary, file)
        except FileExistsError:
            return
        _sync_folder(file.parent)
    finally:
        temporary.unlink()


def _sync_folder(folder: Path) -> None:
    """A name is on the disk when its folder is; a key lost to a power cut would break every link already mailed."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
