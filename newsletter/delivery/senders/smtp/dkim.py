"""DKIM signatures (RFC 6376): rsa-sha256, headers relaxed, the body simple.

A signature says that the mail comes from the domain and has not been changed on its way. Each reader's copy is signed,
since each has links of its own: 0.5 ms for 60 KB with a key of 2,048 bits, half of it outside the interpreter's lock.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from newsletter.errors import InputError
from newsletter.settings import SenderSettings

SECRET_NAME = "NEWSLETTER_DKIM_KEY"  # noqa: S105 - the name of an environment variable

ONCE = (
    *("from", "to", "cc", "subject", "date", "message-id", "reply-to"),
    *("mime-version", "content-type", "list-unsubscribe", "list-unsubscribe-post"),
)
"""Headers that a message has at most once. They are signed as often as they are there and once more, so that one that is
added later breaks the signature (RFC 6376 section 8.15): readers' programs may show the added one."""

COVERED = frozenset((*ONCE, "content-transfer-encoding", "feedback-id"))
"""What is signed, and all `List-…` besides. Both unsubscribe headers must be (RFC 8058 section 4)."""

_SMALLEST, _LARGEST = 1024, 4096
"""Bits of a key. Smaller signatures must not be made, and larger need not be verified (RFC 8301 section 3.2)."""

_FOLD = 76
_LONGEST_STRING = 255
_LINE_END = re.compile(rb"\r\n(?=[ \t])")
_SPACES = re.compile(rb"[ \t]+")
_HEADER_END = re.compile(rb"\r\n(?![ \t])")
_MAKE_ONE = "Make one with `openssl genrsa 2048`, and publish its public half in DNS"
_UNLOCK = "Unlock it with `openssl rsa -in KEY`, and keep the result in a file that only the newsletter's user may read"


@dataclass(frozen=True, kw_only=True, slots=True)
class DnsRecord:
    """A TXT record: its name, and its value as one string."""

    name: str
    value: str

    @property
    def quoted(self) -> str:
        """The value as zone files take it: a string holds at most 255 octets (RFC 1035 section 3.3), several are joined."""
        starts = range(0, len(self.value), _LONGEST_STRING)
        return " ".join(f'"{self.value[start : start + _LONGEST_STRING]}"' for start in starts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Signer:
    """Signs for one domain. Threads may share it.

    Args:
        domain: the domain that signs, in A-labels; receivers want it to be that of the From address (RFC 7489).
        selector: which of its keys: the record stands at `selector._domainkey.domain`.
        key: the private key.
        clock: gives the seconds since 1970 that stand in the signature.
    """

    domain: str
    selector: str
    key: RSAPrivateKey = field(repr=False)
    clock: Callable[[], float] = time.time

    @classmethod
    def of(cls, pem: str, *, domain: str, selector: str) -> Self:
        r"""With a key in PEM, as `openssl genrsa` makes it; `\n` may stand for line ends, as in environment files.

        Raises:
            InputError: it is no RSA key of a size that may be used. The text never repeats it.
        """
        return cls(domain=domain, selector=selector, key=_rsa(pem.replace("\\n", "\n")))

    @property
    def record(self) -> DnsRecord:
        """What must stand in DNS for the signatures to be verified (RFC 6376 section 3.6.1)."""
        public = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        value = f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode('ascii')}"
        return DnsRecord(name=f"{self.selector}._domainkey.{self.domain}", value=value)

    def signed(self, message: bytes) -> bytes:
        """The message with a signature in front.

        Args:
            message: whole, with CRLF line ends, as it goes over the wire but for the dots; no line begins with one.
        """
        head, body = _halves(message)
        names, lines = _covered(head)
        unfinished = self._tags(names, base64.b64encode(_body_hash(body)))
        lines.append(_relaxed(unfinished))
        signature = self.key.sign(b"\r\n".join(lines), PKCS1v15(), SHA256())
        return b"%s%s\r\n%s" % (unfinished, _wrapped(base64.b64encode(signature)), message)

    def _tags(self, names: tuple[bytes, ...], body_hash: bytes) -> bytes:
        """The header up to where the signature follows."""
        return (
            b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple;\r\n d=%s; s=%s;\r\n t=%d;\r\n%s;\r\n bh=%s;\r\n b="
            % (
                self.domain.encode("ascii"),
                self.selector.encode("ascii"),
                int(self.clock()),
                _list(names),
                body_hash,
            )
        )


def by_settings(settings: SenderSettings, pem: str | None) -> Signer | None:
    """What signs for the newsroom; None where `[sender]` names no domain.

    Args:
        settings: the table.
        pem: the secret NEWSLETTER_DKIM_KEY, where it is set.

    Raises:
        InputError: a domain without a key, a key without a domain, or a key that cannot be used.
    """
    if not settings.dkim_domain and not pem:
        return None
    if not pem:
        remedy = f"Set {SECRET_NAME} or {SECRET_NAME}_FILE, or take dkim_domain away"
        raise InputError("[sender] names a dkim_domain and there is no key to sign with", remedy=remedy)
    if not settings.dkim_domain:
        # Unsigned mail is what somebody who has set a key must not get without a word.
        remedy = "Set dkim_domain and dkim_selector under [sender], or take the key away"
        raise InputError(
            "there is a DKIM key, and [sender] does not say for which domain", where=SECRET_NAME, remedy=remedy
        )
    return Signer.of(pem, domain=settings.dkim_domain, selector=settings.dkim_selector)


def _rsa(pem: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise InputError("the DKIM key is locked with a password", where=SECRET_NAME, remedy=_UNLOCK) from None
    except (ValueError, UnsupportedAlgorithm):
        raise InputError("the DKIM key is no private key in PEM", where=SECRET_NAME, remedy=_MAKE_ONE) from None
    if not isinstance(key, RSAPrivateKey):
        raise InputError("the DKIM key is no RSA key", where=SECRET_NAME, remedy=_MAKE_ONE)
    if not _SMALLEST <= key.key_size <= _LARGEST:
        fault = f"the DKIM key has {key.key_size} bits, and receivers take {_SMALLEST} to {_LARGEST}"
        raise InputError(fault, where=SECRET_NAME, remedy=_MAKE_ONE)
    return key


def _halves(message: bytes) -> tuple[bytes, bytes]:
    """Headers and body, without the empty line between them; that may come first, where there are no headers."""
    if message.startswith(b"\r\n"):
        return b"", message[2:]
    head, _, body = message.partition(b"\r\n\r\n")
    return head, body


def _body_hash(body: bytes) -> bytes:
    """Of the body as simple canonicalization has it: one line end at the end (RFC 6376 section 3.4.3)."""
    length = len(body)
    while body.endswith(b"\r\n", 0, length):
        length -= 2
    hashed = hashlib.sha256(memoryview(body)[:length])
    hashed.update(b"\r\n")
    return hashed.digest()


def _covered(head: bytes) -> tuple[tuple[bytes, ...], list[bytes]]:
    """The names for the h tag and the lines that are hashed, in its order; each header from the bottom up (section 5.4.2)."""
    found: dict[bytes, list[bytes]] = {}
    for field_ in _HEADER_END.split(head):
        name = field_.partition(b":")[0].rstrip(b" \t").lower()
        if _is_covered(name):
            found.setdefault(name, []).append(field_)
    names: list[bytes] = []
    lines: list[bytes] = []
    for name in sorted(found, key=_rank):
        lines.extend(map(_relaxed, reversed(found[name])))
        names.extend([name] * len(found[name]))
    names.extend(name.encode("ascii") for name in ONCE)
    return tuple(names), lines


def _is_covered(name: bytes) -> bool:
    return name.startswith(b"list-") or name.decode("latin-1") in COVERED


def _rank(name: bytes) -> tuple[bool, bytes]:
    return name != b"from", name


@lru_cache(maxsize=256)
def _relaxed(header: bytes) -> bytes:
    """A header as relaxed canonicalization has it, without its line end (RFC 6376 section 3.4.2).

    Most are the same in all copies of an edition: hence the cache.
    """
    name, _, value = header.partition(b":")
    unfolded = _SPACES.sub(b" ", _LINE_END.sub(b"", value)).strip(b" ")
    return name.rstrip(b" \t").lower() + b":" + unfolded


@lru_cache(maxsize=64)
def _list(names: tuple[bytes, ...]) -> bytes:
    """The h tag, folded."""
    lines = [b" h="]
    for name in _with_colons(names):
        if len(lines[-1]) + len(name) > _FOLD:
            lines.append(b"  ")
        lines[-1] += name
    return b"\r\n".join(lines)


def _with_colons(names: tuple[bytes, ...]) -> Iterator[bytes]:
    for name in names[:-1]:
        yield name + b":"
    yield names[-1]


def _wrapped(signature: bytes) -> bytes:
    return b"\r\n  ".join(signature[start : start + 72] for start in range(0, len(signature), 72))
