"""Bugs that are put into the protocol, to see whether the simulation finds them. They exist nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest import mock

from sqlalchemy import ColumnElement, Select, Update, bindparam, false, update
from sqlalchemy.sql.visitors import replacement_traverse

from newsletter.delivery import control, evidence, lateness, outcomes
from newsletter.store.among import among
from newsletter.store.parameters import NOW
from newsletter.store.tables import Instant, delivery, wave

PLANTS = {
    "fence": "an outcome counts whatever its fence and whatever became of the delivery",
    "quiet": "what is unknown is sent again without waiting",
    "late": "nothing is ever found too late",
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Within the block, the protocol has that bug; none where the name is empty."""
    patches = {"": [], "fence": _fence(), "quiet": _quiet(), "late": _late()}[name]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in reversed(patches):
            patch.stop()


def _fence() -> list[Any]:
    settle = (
        update(delivery)
        .where(among(delivery.c.id, "ids"), bindparam("claimed_fence", type_=delivery.c.fence.type) > 0)
        .values(status=bindparam("outcome"), due_at=None, changed_at=bindparam("now", type_=Instant))
    )
    defer = (
        update(delivery)
        .where(delivery.c.id == bindparam("delivery_id"), bindparam("claimed_fence", type_=delivery.c.fence.type) > 0)
        .values(status=bindparam("outcome"), due_at=bindparam("due"), changed_at=bindparam("now"))
    )
    return [mock.patch.object(outcomes, "_SETTLE_ALIKE", settle), mock.patch.object(outcomes, "_DEFER", defer)]


def _quiet() -> list[Any]:
    none = timedelta(0)
    resend, resolve = evidence.resend, control.resolve

    def at_once(*given: Any, **named: Any) -> Any:
        return resend(*given, **{**named, "quiet": none})

    def decide(*given: Any, **named: Any) -> Any:
        return resolve(*given, **{**named, "quiet": none})

    return [mock.patch.object(evidence, "resend", at_once), mock.patch.object(control, "resolve", decide)]


def _late() -> list[Any]:
    over = wave.c.not_later_than < NOW

    def never(element: Any, **_: Any) -> Any:
        return false() if isinstance(element, ColumnElement) and element.compare(over) else None

    patches = []
    for name, module in list(sys.modules.items()):
        if not name.startswith("newsletter.delivery.") or vars(module).get("late") is not lateness.late:
            continue
        for constant, made in vars(module).items():
            if isinstance(made, Select | Update):
                patches.append(mock.patch.object(module, constant, replacement_traverse(made, {}, never)))
    return patches
