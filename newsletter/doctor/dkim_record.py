"""DKIM's public keys, as records hold them (RFC 6376, section 3.6.1). Pure."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from newsletter.doctor import tags
from newsletter.errors import InputError

PublicKey = rsa.RSAPublicKey | ed25519.Ed25519PublicKey


@dataclass(frozen=True, kw_only=True, slots=True)
class DkimRecord:
    """A record. `key` is None where it was revoked."""

    key: PublicKey | None
    testing: bool
    strict: bool

    @property
    def bits(self) -> int:
        """The key's length; 0 where it was revoked."""
        return bits_of(self.key) if self.key is not None else 0


def read(text: str) -> DkimRecord:
    """A key record.

    Raises:
        InputError: it cannot be read, or its key is of no use for mail; says why.
    """
    found = tags.read(text)
    if found.get("v", "DKIM1") != "DKIM1" or ("v" in found and next(iter(found)) != "v"):
        raise InputError("it does not begin with v=DKIM1")
    if "p" not in found:
        raise InputError("it has no p=, so no key")
    if "h" in found and "sha256" not in _words(found["h"]):
        raise InputError(f"h={found['h'][:40]} leaves out sha256, which we sign with")
    if not {"*", "email"} & set(_words(found.get("s", "*"))):
        raise InputError(f"s={found['s'][:40]} says that the key is not for mail")
    flags = _words(found.get("t", ""))
    key = _public_key(found.get("k", "rsa").lower(), found["p"]) if found["p"] else None
    return DkimRecord(key=key, testing="y" in flags, strict="s" in flags)


def bits_of(key: PublicKey) -> int:
    """The length of a key in bits; 256 for Ed25519."""
    return key.key_size if isinstance(key, rsa.RSAPublicKey) else 256


def is_same(one: PublicKey, other: PublicKey) -> bool:
    """Whether two keys are the same."""
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    return one.public_bytes(*form) == other.public_bytes(*form)


def _words(text: str) -> list[str]:
    return [word.strip().lower() for word in text.split(":")]


def _public_key(kind: str, encoded: str) -> PublicKey:
    try:
        data = base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InputError("its p= is no base64, so the key cannot be read") from None
    if kind == "ed25519":
        if len(data) != 32:
            raise InputError("its p= has not the 32 bytes of an Ed25519 key")
        return ed25519.Ed25519PublicKey.from_public_bytes(data)
    if kind != "rsa":
        raise InputError(f"k={kind[:40]} is no kind of key that receivers know")
    try:
        key = load_der_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPublicKey):
        raise InputError("its p= is no RSA key; perhaps a part of it was lost")
    return key


def length_of(key: PublicKey) -> str:
    """The key's kind and length, for people."""
    return f"RSA, {key.key_size} bits" if isinstance(key, rsa.RSAPublicKey) else "Ed25519"
