"""Proposing a side for a quote that the text leaves open: from the newsroom's ratings and from the order on the page."""

from __future__ import annotations

from dataclasses import replace

from newsletter.roundups.model import Lean, Quote, Suggestion
from newsletter.roundups.outlets import Outlets


def suggest(quotes: list[Quote], outlets: Outlets) -> list[Quote]:
    """The quotes of one section; those without a side carry a suggestion where there is a reason for one.

    An outlet's rating comes first. Editors group the sides, so an unrated outlet is judged by its neighbours' ratings.
    """
    rated = [_rating(quote, outlets) for quote in quotes]
    runs = _runs([rating for rating in rated if rating])
    before, after = _carried(rated), _carried(rated[::-1])[::-1]
    found = []
    for position, quote in enumerate(quotes):
        if quote.lean is not None:
            found.append(quote)
            continue
        rating = rated[position]
        if rating:
            suggestion: Suggestion | None = _by_rating(quote, rating, runs, outlets)
        else:
            half = position * 2 < len(rated)
            suggestion = _by_order(before[position], after[position], runs, first_half=half)
        found.append(replace(quote, suggestion=suggestion) if suggestion else quote)
    return found


def _rating(quote: Quote, outlets: Outlets) -> Lean | None:
    if quote.lean is not None:
        return quote.lean
    outlet = outlets.find(quote.outlet) if quote.outlet else None
    return outlet.rating if outlet else None


def _runs(ratings: list[Lean]) -> list[Lean]:
    """The sides in the order on the page, repetitions next to each other counted once."""
    return [rating for index, rating in enumerate(ratings) if index == 0 or ratings[index - 1] != rating]


def _grouped(runs: list[Lean]) -> bool:
    """Whether the page shows two sides one after the other."""
    return len(runs) == 2


def _by_rating(quote: Quote, rating: Lean, runs: list[Lean], outlets: Outlets) -> Suggestion:
    outlet = outlets.find(quote.outlet or "")
    reason = f"{outlet.name if outlet else quote.outlet} is rated {rating} in outlets.toml"
    if _grouped(runs):
        place = "first" if rating is runs[0] else "last"
        reason += f", and the order on the page agrees: the quotes of the {rating} stand {place}"
    return Suggestion(lean=rating, reason=reason)


def _carried(rated: list[Lean | None]) -> list[Lean | None]:
    """For each place the last rating before it."""
    last: Lean | None = None
    found = []
    for rating in rated:
        found.append(last)
        last = rating or last
    return found


def _by_order(before: Lean | None, after: Lean | None, runs: list[Lean], *, first_half: bool) -> Suggestion | None:
    unrated = "its outlet has no rating"
    if before and before is after:
        return Suggestion(lean=before, reason=f"it stands between quotes of the {before}; {unrated}")
    if not _grouped(runs):
        return None
    first, last = runs
    if before is None:
        return Suggestion(lean=first, reason=f"it stands before the quotes of the {first}, which come first; {unrated}")
    if after is None:
        return Suggestion(lean=last, reason=f"it stands after the quotes of the {last}, which come last; {unrated}")
    lean, half = (first, "first") if first_half else (last, "second")
    return Suggestion(lean=lean, reason=f"it stands in the {half} half, where the {lean} is quoted; {unrated}")
