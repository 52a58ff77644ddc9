"""`scripts/simulate`: runs seeds in as many processes as it may, and prints the story of the first that fails."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial

from simulation import faults
from simulation.newsroom import somewhere
from simulation.planted import PLANTS
from simulation.world import Asked, Run, run

_SHOWN = 60


def main() -> None:
    """Exit code 1 where an invariant broke, or something never came about that was to (`--covered`)."""
    asked = arguments()
    with somewhere():
        _simulate(asked)


def _simulate(asked: argparse.Namespace) -> None:
    began = time.perf_counter()
    counts: Counter[str] = Counter()
    mailings = deliveries = done = 0
    broken: list[Run] = []
    for one in runs(asked):
        done += 1
        mailings += one.mailings
        deliveries += one.deliveries
        counts += one.counts
        if asked.tell:
            print("\n".join(one.story))
        if one.invariant:
            broken.append(one)
            show(one, asked)
            if not asked.go_on:
                break
    took = time.perf_counter() - began
    missing = faults.uncovered(counts) if asked.covered else []
    show_counts(counts, missing, all_of_them=asked.covered)
    said = {
        "seeds": done,
        "mailings": mailings,
        "deliveries": deliveries,
        "seconds": round(took, 1),
        "mailings_a_minute": round(mailings / took * 60),
        "processes": asked.processes,
        "broken": {str(one.seed): one.invariant for one in broken},
        "missing": missing,
    }
    if done == 1 and not broken:
        said["story"] = one.digest
    print(json.dumps(said))
    sys.exit(1 if broken or missing else 0)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first one")
    parser.add_argument("--seed", type=int, help="this one alone: it plays exactly as before")
    parser.add_argument("--days", type=int, default=1, help="simulated days a seed")
    parser.add_argument("--plant", choices=sorted(PLANTS), default="", help="put a bug into the protocol")
    parser.add_argument("--processes", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--tell", action="store_true", help="print the story also where all holds")
    parser.add_argument("--go-on", action="store_true", help="do not end with the first seed that fails")
    parser.add_argument("--covered", action="store_true", help="fail where a fault or a step was never hit")
    asked = parser.parse_args()
    if asked.seed is not None:
        asked.first, asked.seeds = asked.seed, 1
    asked.processes = max(1, min(asked.processes, asked.seeds))
    return asked


def runs(asked: argparse.Namespace) -> Iterator[Run]:
    """The seeds' runs, in order."""
    seeds = range(asked.first, asked.first + asked.seeds)
    one = partial(run_seed, days=asked.days, plant=asked.plant, tell=asked.tell)
    if asked.processes == 1:
        yield from map(one, seeds)
        return
    with multiprocessing.get_context("fork").Pool(asked.processes) as pool:
        yield from pool.imap(one, seeds, chunksize=1)


def run_seed(seed: int, *, days: int, plant: str, tell: bool) -> Run:
    return run(Asked(seed=seed, days=days, plant=plant, tell=tell))


def show(broken: Run, asked: argparse.Namespace) -> None:
    """The seed, the invariant, the story, and how to see it again."""
    story = broken.story if asked.seed is not None else broken.story[-_SHOWN:]
    left_out = broken.steps - len(story)
    if left_out:
        print(f"   ...  ({left_out} steps before)")
    print("\n".join(story))
    plant = f" --plant {asked.plant}" if asked.plant else ""
    print(f"\nseed {broken.seed}: broken invariant: {broken.invariant}\n  {broken.what}")
    print(f"story {broken.digest}, {broken.steps} steps")
    print(
        f"again, with the whole story: scripts/simulate --seed {broken.seed} --days {asked.days}{plant}\n", flush=True
    )


def show_counts(counts: Counter[str], missing: list[str], *, all_of_them: bool) -> None:
    """How often everything came about."""
    if all_of_them:
        for name, count in sorted(counts.items()):
            print(f"{count:>9,}  {name}", file=sys.stderr)
    for name in missing:
        print(f"    never  {name}", file=sys.stderr)
