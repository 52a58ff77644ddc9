"""Sending, part by part: `scripts/bench send [PART…] [--recipients N]`; all parts where none is named.

A part is a module `bench_send_PART.py` with `measured(asked)` that yields rows, and raises `SkippedError` where
something is missing here. What is skipped is said loudly: nothing is known of it.
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import sys
from importlib import import_module
from pathlib import Path

from bench_newsroom import Asked, SkippedError
from bench_rows import QUICK, Row, show

_PREFIX = "bench_send_"


def main() -> None:
    """Measure and print."""
    known = sorted(path.stem.removeprefix(_PREFIX) for path in Path(__file__).parent.glob(f"{_PREFIX}*.py"))
    parser = argparse.ArgumentParser(prog="scripts/bench send", description="Measure sending.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one of: {', '.join(known)}; all where none is named")
    parser.add_argument("--recipients", type=int, metavar="N", help="how many readers, instead of the targets' own")
    parser.add_argument("--quick", action="store_true", help="measure next to nothing: only that it still runs")
    parser.add_argument("--json", action="store_true", help="for machines")
    given = parser.parse_args()
    for part in given.parts:
        if part not in known:
            parser.error(f"no part is called {part!r}; there are {', '.join(known)}")
    asked = Asked(recipients=given.recipients, quick=QUICK)
    rows: list[Row] = []
    skipped: list[str] = []
    load_before = os.getloadavg()[0]
    for part in given.parts or known:
        print(f"measuring {part} …", file=sys.stderr)
        try:
            for row in import_module(f"{_PREFIX}{part}").measured(asked):
                rows.append(row)  # noqa: PERF402 - what was measured before something was missing counts
        except SkippedError as error:
            skipped.append(f"{part}: {error}")
            print(f"SKIPPED, NOTHING IS KNOWN OF IT: {skipped[-1]}", file=sys.stderr)
    load = {"load before": round(load_before, 1), "load after": round(os.getloadavg()[0], 1)}
    show("send: a long day's e-mail to invented readers", rows, facts=_machine() | load, skipped=skipped)


def _machine() -> dict[str, object]:
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text(encoding="utf-8").splitlines() if cpus.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return {
        "cpu": model or platform.machine(),
        "cores": os.cpu_count() or 1,
        "memory (GB)": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.release()}",
    }


if __name__ == "__main__":
    main()
