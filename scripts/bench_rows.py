"""What the benchmarks share: an issue to measure with, timing, and the table or JSON that they print."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path

from newsletter.issues.model import Issue, Quote, Section
from newsletter.rendering import Edition, render
from newsletter.settings import Settings, load

ROOT = Path(__file__).resolve().parent.parent
HTML_BYTES = 75_000
"""The size of a long day's e-mail, and of the design's own measurements."""
QUICK = "--quick" in sys.argv[1:]
"""Measure as little as possible, and judge nothing: shows only that the benchmark still runs."""
_TEXT = (
    "the council voted to study a return of the night ferry and the harbour police warn that two officers cannot watch "
    "both quays until dawn while bakers nurses and deckhands sleep in their cars until the first boat leaves at six"
)
_WORDS = _TEXT.split()


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One measured way. `value` is in `unit`; `target` is what it must reach, None for what is only compared with."""

    name: str
    value: float
    unit: str
    target: float | None = None
    more_is_better: bool = False

    @property
    def reached(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        if self.target is None:
            return None
        return self.value >= self.target if self.more_is_better else self.value <= self.target


def long_issue(html_bytes: int = HTML_BYTES) -> tuple[Issue, Settings, Edition]:
    """An invented issue whose HTML has at least so many bytes, the newsroom's settings, and its edition."""
    settings = load(ROOT)
    for quotes in count(4, 2):
        issue = _issue(quotes)
        edition = render(issue, settings)
        if len(edition.html.encode()) >= html_bytes:
            return issue, settings, edition
    raise AssertionError("counting never ends")


def _issue(quotes: int) -> Issue:
    from newsletter.rendering.specimen import specimen  # noqa: PLC0415 - only to start from

    settings = load(ROOT)
    base = specimen(settings, "daily")
    left = tuple(_quote(number, "left") for number in range(quotes // 2))
    right = tuple(_quote(number, "right") for number in range(quotes // 2, quotes))
    sides = (
        Section(heading="From the left", side="left", stance="One side argues for it.", quotes=left),
        Section(heading="From the right", side="right", stance="The other asks who pays.", quotes=right),
    )
    return replace(base, slug="bench", sections=(base.sections[0], *sides))


def _quote(number: int, side: str) -> Quote:
    text = " ".join(_WORDS[(number * 7 + step) % len(_WORDS)] for step in range(90))
    return Quote(
        id=f"bench-{number}",
        paragraphs=(f"“{text}…", f"“{text[::-1][:300]}.”"),
        author=f"Ilse Varga {number}",
        outlet=f"The Lantern {number}",
        attribution=f"Ilse Varga {number}, The Lantern {number}",
        side=side,
        side_source="heading",
        link=f"https://lantern.example/{number}",
        suggestion=None,
        file="bench.txt",
        lines=(number + 1, number + 1),
    )


def milliseconds(run: Callable[[], object], *, times: int) -> float:
    """The median of so many runs, after one that warms up."""
    run()
    taken = []
    for _ in range(1 if QUICK else times):
        begun = time.perf_counter()
        run()
        taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken)


def a_second(run: Callable[[int], object], *, seconds: float) -> float:
    """How often it runs a second, when it is run for so long; it is given the number of the run."""
    begun, done = time.perf_counter(), 0
    while (now := time.perf_counter()) - begun < (0.01 if QUICK else seconds) or not done:
        # The clock is read once a batch: reading it costs as much as a tenth of the fastest way.
        for _ in range(10):
            run(done)
            done += 1
    return done / (now - begun)


def show(
    title: str, rows: Sequence[Row], *, facts: Mapping[str, object] | None = None, skipped: Sequence[str] = ()
) -> None:
    """Print the rows, what is known of the machine, and what was not measured; exit code 1 where a target is missed."""
    if "--json" in sys.argv[1:]:
        shown = [{**asdict(row), "reached": row.reached} for row in rows]
        more = {"machine": facts, "skipped": list(skipped)} if facts else {}
        print(json.dumps({"bench": title, "rows": shown, **more}, indent=2))
    else:
        print(title)
        width = max(len(row.name) for row in rows)
        for row in rows:
            print(
                f"  {row.name:<{width}}  {row.value:>12,.{0 if row.value >= 100 else 1}f} {row.unit:<12}{_target(row)}"
            )
        for name, fact in (facts or {}).items():
            print(f"  {name}: {fact}")
        for name in skipped:
            print(f"  SKIPPED, NOTHING IS KNOWN OF IT: {name}")
    sys.exit(any(row.reached is False for row in rows) and not QUICK)


def _target(row: Row) -> str:
    if row.target is None:
        return ""
    sign = "≥" if row.more_is_better else "≤"
    return f"  {'reached' if row.reached else 'MISSED'} ({sign} {row.target:,.{0 if row.target == round(row.target) else 1}f})"
