"""Run as a process of its own, to be put to sleep, stopped or killed: a worker that sends whatever is being sent.

Arguments: the database's URL, where the other side is (a port for SMTP, a URL for SendGrid), the worker's name in the
ledger, the lease in seconds.
"""

import sys
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from newsletter import store
from newsletter.clock import system_clock
from newsletter.delivery import StandBy, stopping
from newsletter.delivery.backoff import Backoff
from newsletter.delivery.senders import SENDGRID_KEY, by_settings
from newsletter.delivery.senders.base import Sender
from newsletter.rehearsal.sendgrid.provider import KEY
from newsletter.settings import SenderSettings
from newsletter.tokens import TokenKeys

KEYS = TokenKeys({0: b"a key for the tests only"})
CHUNK = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Smaller:
    """A sender that takes smaller chunks, so that there is more to see."""

    sender: Sender

    @property
    def name(self):
        return self.sender.name

    @property
    def place(self):
        return self.sender.place

    @property
    def capabilities(self):
        able = self.sender.capabilities
        return able if able.whole_messages else replace(able, chunk=CHUNK)

    def check(self, *, stop=None):
        self.sender.check(stop=stop)

    def open(self):
        return self.sender.open()


def sender_to(place: str, **settings) -> Smaller:
    """By SMTP to a port of this machine, or by SendGrid's interface to a URL."""
    where = {"port": int(place)} if place.isdigit() else {"kind": "sendgrid", "url": place}
    whole = SenderSettings(**{"connections": 2, "timeout_seconds": 20, **where, **settings})
    return Smaller(sender=by_settings(whole, {SENDGRID_KEY: KEY}.get, root=Path()))


def main(url: str, place: str, name: str, lease: str) -> None:
    with closing(store.open(url, busy_seconds=1)) as opened:
        standing_by = StandBy(
            store=opened,
            keys=KEYS,
            sender=sender_to(place),
            clock=system_clock,
            backoff=Backoff(first=0.05, longest=0.2),
            lease=timedelta(seconds=float(lease)),
            name=name or None,
        )
        with stopping(standing_by.stop):
            standing_by.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
