"""The edition: an issue rendered and frozen, known by the digest of its bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from newsletter.errors import InputError
from newsletter.rendering.slots import Slots

FORMAT = 1
"""The version of the canonical bytes; raised whenever their shape changes, so that old editions stay readable."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Edition:
    """Everything a worker needs to send an issue, the reader's slots aside.

    `html` and `text` carry slot markers made with `nonce`; lines end in LF. `from_name` and
    `from_address` are as shown, `from_header` is fit for the wire. `manifest` holds plain data:
    inputs with SHA-256, versions, the template's hash, sizes.
    """

    subject: str
    preheader: str
    html: str
    text: str
    nonce: str
    from_name: str
    from_address: str
    from_header: str
    reply_to: str | None
    language: str
    base_url: str
    manifest: Mapping[str, Any]

    @property
    def slots(self) -> Slots:
        """The markers that stand in `html` and `text`."""
        return Slots(nonce=self.nonce, base_url=self.base_url)

    @property
    def digest(self) -> str:
        """SHA-256 of `to_bytes()`, in hexadecimal: the edition's identity."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def to_bytes(self) -> bytes:
        """Canonical JSON: sorted keys, no white space, UTF-8. The same edition gives the same bytes everywhere."""
        data = {field.name: getattr(self, field.name) for field in fields(self)} | {"format": FORMAT}
        return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Edition:
        """The edition that `to_bytes` wrote.

        Raises:
            InputError: the bytes are no edition, or one of another format.
        """
        try:
            values = json.loads(data)
            form = values.pop("format")
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise InputError("these bytes are no edition", remedy="Render the issue again") from error
        if form != FORMAT or set(values) != {field.name for field in fields(cls)}:
            raise InputError(f"this edition has format {form!r}, not {FORMAT}", remedy="Render the issue again")
        return cls(**values)
