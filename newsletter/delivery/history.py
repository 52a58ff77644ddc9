"""What befell a mailing and who stepped in, in the audit. Every function is one step of the caller's transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from newsletter.store.tables import audit

WORKER, SCHEDULER = "worker", "scheduler"
"""The actors of what no person did."""


def note(connection: Connection, mailing_id: int, action: str, *, actor: str, now: datetime, **detail: Any) -> None:
    """One entry on the mailing. `detail` is plain data, without addresses."""
    row = {"at": now, "actor": actor, "action": action, "subject": f"mailing:{mailing_id}", "detail": detail}
    connection.execute(insert(audit).values(row))
