"""A benchmark in parts: `scripts/bench NAME [PART…] [--recipients N]`; all parts where none is named.

A part is a module `bench_NAME_PART.py` with `measured(asked)` that yields rows, and raises `SkippedError` where
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


def measure_parts(name: str, title: str) -> None:
    """Measure the parts of the benchmark `name` that the command line asks for, and print them under `title`."""
    prefix = f"bench_{name}_"
    known = sorted(path.stem.removeprefix(prefix) for path in Path(__file__).parent.glob(f"{prefix}*.py"))
    parser = argparse.ArgumentParser(prog=f"scripts/bench {name}")
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
            for row in import_module(f"{prefix}{part}").measured(asked):
                rows.append(row)  # noqa: PERF402 - what was measured before something was missing counts
        except SkippedError as error:
            skipped.append(f"{part}: {error}")
            print(f"SKIPPED, NOTHING IS KNOWN OF IT: {skipped[-1]}", file=sys.stderr)
    load = {"load before": round(load_before, 1), "load after": round(os.getloadavg()[0], 1)}
    show(f"{name}: {title}", rows, facts=machine() | load, skipped=skipped)


def machine() -> dict[str, object]:
    """What the figures were measured on."""
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
