"""Segments: filters over a list's readers. `parse` reads one, `matches` makes a condition of it, `named` keeps them.

A filter only ever leaves readers of a list out.
"""

from newsletter.audience.segments.conditions import matches
from newsletter.audience.segments.filters import Filter
from newsletter.audience.segments.parsing import parse
from newsletter.audience.segments.words import FilterError

__all__ = ["Filter", "FilterError", "matches", "parse"]
