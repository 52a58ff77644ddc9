"""What the parser warns of: one function a matter, over the finished draft.

`CODES` is the reference: severity and reason of every code, from which the documentation is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from newsletter.findings import Finding
from newsletter.roundups.review import marks, sources, whole
from newsletter.roundups.review.matter import CODES, MOST_OF_A_CODE, Matter, Noted

__all__ = ["CODES", "MOST_OF_A_CODE", "Matter", "review"]

_REVIEWS: tuple[Callable[[Matter], Iterator[Noted]], ...] = (
    whole.head,
    sources.attributions,
    sources.roles,
    sources.sides,
    marks.marks,
    marks.closed_early,
    marks.collisions,
    marks.mixture,
    sources.outlets,
    whole.headings,
    sources.repetitions,
    whole.lengths,
    whole.furniture,
    marks.text,
)


def review(matter: Matter) -> tuple[Finding, ...]:
    """All findings on a roundup, by line; of each code at most `MOST_OF_A_CODE`, and then one that counts the rest."""
    found: list[Finding] = []
    for check in _REVIEWS:
        found += _capped(check(matter))
    return tuple(sorted(found, key=lambda finding: (finding.line or 0, finding.column or 0)))


def _capped(noted: Iterator[Noted]) -> Iterator[Finding]:
    counts: dict[str, int] = {}
    for one in noted:
        count = counts[one.code] = counts.get(one.code, 0) + 1
        if count <= MOST_OF_A_CODE:
            yield one.finding()
    for code, count in counts.items():
        if count > MOST_OF_A_CODE:
            severity, why = CODES[code]
            yield Finding(
                code=code, severity=severity, message=f"and {count - MOST_OF_A_CODE:,} more of this kind", why=why
            )
