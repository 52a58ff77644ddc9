"""Run as a process of its own, to be killed: a scheduler or a worker whose hour is driven by another process.

Both are the product's own, in the loop that theirs is, with shorter waits: an hour lasts as long as it takes to look.
Arguments: `scheduler` or `worker`, the newsroom's folder, the file with the hour.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import structlog
from crash_days_clock import DrivenClock

from newsletter.app import App
from newsletter.delivery import stopping
from newsletter.delivery.scheduler import Scheduler
from newsletter.delivery.standing_by import StandBy
from newsletter.settings import load

LOOK = 0.03


def main(kind: str, root: str, hour: str) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    clock = DrivenClock(Path(hour))
    with App.open(load(Path(root)), clock=clock) as app:
        schedule(app, clock) if kind == "scheduler" else work(app, clock)


def schedule(app: App, clock: DrivenClock) -> None:
    """Tick, and say at which hour; the alarm clock goes by the machine's and is of no use here."""
    scheduler = Scheduler(
        store=app.store, settings=app.settings, outlets=app.outlets, clock=clock, clocks=clock.clocks()
    )
    stop = threading.Event()
    with stopping(stop.set):
        while not stop.is_set():
            hour = clock()
            scheduler.run_once()
            clock.see(hour)
            stop.wait(LOOK)


def work(app: App, clock: DrivenClock) -> None:
    standing_by = StandBy(store=app.store, keys=app.keys, sender=app.sender(), clock=clock, steady=clock.seconds)
    clock.see(clock())
    with stopping(standing_by.stop):
        standing_by.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
