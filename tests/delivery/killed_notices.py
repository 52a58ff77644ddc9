"""Run as a process of its own, to be killed: carries the notices to readers that are due, once.

Arguments: the database's URL, the mail server's port, how many minutes the clock is ahead.
"""

import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from newsletter import store
from newsletter.clock import system_clock
from newsletter.delivery import SmtpSender, correspondence
from newsletter.delivery.correspondence import Correspondence
from newsletter.settings import Newsroom, SenderSettings, Settings
from newsletter.tokens import TokenKeys


def main(url: str, port: str, ahead: str) -> None:
    def clock():
        return system_clock() + timedelta(minutes=int(ahead))

    newsroom = Newsroom(name="The Ledger", from_address="news@ledger.example", url="https://ledger.example")
    with closing(store.open(url)) as opened:
        letters = Correspondence(
            store=opened,
            keys=TokenKeys({0: b"a key for the tests only"}),
            settings=Settings(root=Path("/nonexistent"), newsroom=newsroom),
            sender=SmtpSender(settings=SenderSettings(port=int(port)), answer_seconds=20),
            clock=clock,
        )
        with opened.writing() as connection:
            correspondence.end_forgotten(connection, now=clock())
        letters.run_once()


if __name__ == "__main__":
    main(*sys.argv[1:])
