"""Chance: one seed, from which everything is drawn in the order in which it happens."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

_T = TypeVar("_T")


class Chance(random.Random):
    """Random numbers of one seed."""

    def happens(self, share: float) -> bool:
        """Whether something comes about that does so in a `share` of cases."""
        return self.random() < share

    def one_of(self, things: Sequence[_T]) -> _T:
        """Any of them."""
        return things[self.randrange(len(things))]

    def weighed(self, weights: Mapping[_T, float]) -> _T:
        """One of the keys, by their weights."""
        return self.choices(list(weights), list(weights.values()))[0]
