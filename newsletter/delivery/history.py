"""What befell a mailing and who stepped in, in the audit. Every function is one step of the caller's transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, update

from newsletter.store.tables import audit

WORKER, SCHEDULER = "worker", "scheduler"
"""The actors of what no person did."""


def note(connection: Connection, mailing_id: int, action: str, *, actor: str, now: datetime, **detail: Any) -> None:
    """One entry on the mailing. `detail` is plain data, without addresses."""
    row = {"at": now, "actor": actor, "action": action, "subject": f"mailing:{mailing_id}", "detail": detail}
    connection.execute(_NOTE, row)


def tell(
    connection: Connection, line: int | None, mailing_id: int, action: str, *, actor: str, now: datetime, **detail: Any
) -> int:
    """The entry on what is done in batches: made with the first, and its detail follows with each; its number.

    So there is one entry for one decision, and where it is cut off the entry says how far it came.
    """
    if line is not None:
        connection.execute(update(audit).where(audit.c.id == line).values(detail=detail))
        return line
    row = {"at": now, "actor": actor, "action": action, "subject": f"mailing:{mailing_id}", "detail": detail}
    number: int = connection.execute(insert(audit).values(row).returning(audit.c.id)).scalar_one()
    return number


_NOTE = insert(audit)
