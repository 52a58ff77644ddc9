"""Run as a process of its own, to be killed: one tick of a scheduler. Arguments: the database's URL, the hour."""

import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path

from newsletter import store
from newsletter.delivery.scheduler import Scheduler
from newsletter.roundups import Outlets
from newsletter.settings import Settings


def main(database: str, hour: str) -> None:
    now = datetime.fromisoformat(hour)
    settings = Settings(root=Path("/nowhere"), newsroom={"name": "The Harbour Letter"})
    with closing(store.open(database)) as opened:
        Scheduler(store=opened, settings=settings, outlets=Outlets(), clock=lambda: now).tick(now)


if __name__ == "__main__":
    main(*sys.argv[1:])
