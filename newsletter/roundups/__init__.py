"""Roundup text in, structured roundup out: nothing lost, nothing invented, every guess marked as a guess. Pure.

`read` takes the text, `decode` the bytes of a file; `Outlets` are the newsroom's known outlets with their ratings.
"""

from newsletter.roundups.lines import decode
from newsletter.roundups.model import Lean, Quote, Roundup, Section, Suggestion
from newsletter.roundups.outlets import Outlet, Outlets
from newsletter.roundups.read import read

__all__ = ["Lean", "Outlet", "Outlets", "Quote", "Roundup", "Section", "Suggestion", "decode", "read"]
