"""The audit: who did what when, append-only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from newsletter.store import tables


def note(
    connection: Connection, action: str, subject: str, detail: Mapping[str, Any], *, actor: str, at: datetime
) -> None:
    """Add a line to the audit, in the caller's transaction.

    Args:
        connection: writing.
        action: such as `mailing.create`.
        subject: such as `mailing:12`. People by id only, here as in `detail`: never an address.
        detail: plain data.
        actor: a user's name, or what acts.
        at: the instant, aware.
    """
    row = {"at": at, "actor": actor, "action": action, "subject": subject, "detail": dict(detail)}
    connection.execute(_NOTE, row)


_NOTE = insert(tables.audit)
