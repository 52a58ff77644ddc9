"""An unusual number of readers is confirmed by typing it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import typer

from newsletter.cli import say
from newsletter.errors import BlockedError
from newsletter.publishing.gate import AUDIENCE_SIZE

_T = TypeVar("_T")


def with_readers_confirmed(plan: Callable[[int | None], _T], expected: int | None, *, ask: bool) -> _T:
    """What `plan` gives; where only the number of readers stands in the way, a person is asked to type it.

    Args:
        plan: makes the plan, given the number that a person has named, or None.
        expected: the number from `--expect`.
        ask: whether there may be a question; at a terminal only.

    Raises:
        BlockedError: something else stands in the way, nobody can be asked, or another number was typed.
    """
    try:
        return plan(expected)
    except BlockedError as refusal:
        only_size = [finding.code for finding in refusal.findings] == [AUDIENCE_SIZE]
        if expected is not None or not only_size or not ask or not say.on_terminal():
            raise
        say.findings(refusal.findings)
    typed: int = typer.prompt("Type the number of readers to confirm it", type=int, err=True)
    return plan(typed)
