"""What stands in a mailing's way, in the columns that say so and since when."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, literal

from newsletter.store.tables import Instant, mailing

NO_TROUBLE: dict[str, Any] = {"trouble": "", "trouble_since": None}


def in_the_way(trouble: str, now: datetime) -> dict[str, Any]:
    """The columns for an update. Where there was trouble already, it is the same one in other words."""
    if not trouble:
        return NO_TROUBLE
    return {"trouble": trouble, "trouble_since": func.coalesce(mailing.c.trouble_since, literal(now, Instant))}
