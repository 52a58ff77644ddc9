"""Rendering and checking a long issue: cold, warm and pass by pass, and beside it the naive ways.

Targets (issue 3): compiled in 60 ms and checked in 150 ms, warm.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime

from bench_rows import QUICK, ROOT, Row, long_issue, milliseconds, show
from mjml import mjml2html
from premailer import Premailer

from newsletter.checks import Subject
from newsletter.checks import run as run_checks
from newsletter.issues import newsroom_outlets
from newsletter.issues.model import Issue
from newsletter.rendering import PASSES, MailingHeaders, compile_message, render
from newsletter.rendering.markup import collapse_line_ends
from newsletter.rendering.passes import Work
from newsletter.rendering.template_folder import open_template
from newsletter.settings import Settings

COLD = """
import sys, time
begun = time.perf_counter()
sys.path.insert(0, {scripts!r})
import bench_rows
from newsletter.rendering import render
issue, settings = bench_rows._issue({quotes}), bench_rows.load(bench_rows.ROOT)
render(issue, settings)
print((time.perf_counter() - begun) * 1000)
"""


def main() -> None:
    """Measure and print."""
    issue, settings, edition = long_issue()
    headers = MailingHeaders(
        message_id_prefix="m7",
        message_id_domain="bench.example",
        date=datetime(2026, 11, 24, 6, tzinfo=UTC),
        list_name="daily",
        list_title="The Daily",
    )
    subject = Subject(
        issue=issue,
        edition=edition,
        settings=settings,
        outlets=newsroom_outlets(settings),
        today=date(2026, 11, 24),
    )

    def compiled() -> None:
        compile_message(render(issue, settings), headers)

    rows = [
        Row(name="render and compile, warm", value=milliseconds(compiled, times=30), unit="ms", target=60),
        *_passes(issue, settings),
        Row(
            name="  compile to segments",
            value=milliseconds(lambda: compile_message(edition, headers), times=30),
            unit="ms",
        ),
        Row(
            name="all offline checks, warm",
            value=milliseconds(lambda: run_checks(subject), times=20),
            unit="ms",
            target=150,
        ),
        Row(name="a new process: imports and first render", value=_cold(len(issue.quotes)), unit="ms"),
        *_naive(issue, settings),
    ]
    show(f"render: {len(edition.html.encode()) / 1000:.0f} KB of HTML, {len(issue.quotes)} quotes", rows)


def _passes(issue: Issue, settings: Settings) -> list[Row]:
    work = Work(issue=issue, settings=settings, template=open_template(settings, issue.template))
    rows = []
    for step in PASSES:
        before = work
        rows.append(Row(name=f"  pass {step.name}", value=milliseconds(_bound(step.run, before), times=30), unit="ms"))
        work = step.run(before)
    return rows


def _bound(run: Callable[[Work], Work], work: Work) -> Callable[[], Work]:
    return lambda: run(work)


def _cold(quotes: int) -> float:
    script = COLD.format(scripts=str(ROOT / "scripts"), quotes=quotes - 1)
    taken = []
    for _ in range(1 if QUICK else 3):
        ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        taken.append(float(ran.stdout))
    return min(taken)


def _naive(issue: Issue, settings: Settings) -> list[Row]:
    """The HTML compiled afresh and given to premailer as it comes; and the reference compiler, where it is installed."""
    work = Work(issue=issue, settings=settings, template=open_template(settings, issue.template))
    for step in PASSES[:3]:
        work = step.run(work)
    mjml, css = collapse_line_ends(work.mjml), work.filled("author.css")

    def inlined() -> None:
        html = mjml2html(mjml, fonts={})
        Premailer(html, css_text=[css], allow_network=False, cssutils_logging_level=50).transform()

    rows = [Row(name="naive: premailer with its defaults", value=milliseconds(inlined, times=5), unit="ms")]
    node = subprocess.run(
        [sys.executable, ROOT / "scripts" / "judges.py"], capture_output=True, text=True, check=False
    ).stdout.strip()
    if node and not QUICK:
        begun = time.perf_counter()
        script = "import('mjml').then(async m => { for await (const c of process.stdin) {} })"
        subprocess.run([node, "-e", script], cwd=ROOT / "tests" / "judges", input=mjml, text=True, check=True)
        started = time.perf_counter() - begun
        script = (
            "import('mjml').then(async m => { let s = ''; for await (const c of process.stdin) s += c;"
            " const b = performance.now(); for (let i = 0; i < 5; i++) await m.default(s);"
            " console.log((performance.now() - b) / 5) })"
        )
        ran = subprocess.run(
            [node, "-e", script], cwd=ROOT / "tests" / "judges", input=mjml, text=True, check=True, capture_output=True
        )
        rows.append(Row(name="naive: npm mjml in a process of its own, to start", value=started * 1000, unit="ms"))
        rows.append(Row(name="naive: npm mjml, once started", value=float(ran.stdout), unit="ms"))
    return rows


if __name__ == "__main__":
    main()
