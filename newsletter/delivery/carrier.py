"""A process that carries for a worker: it has some of the connections, and nothing of the ledger.

It begins what it is handed, and hands back how that went. Where the worker is gone, however it went, the pipe ends and so
does this process, at once: what is on the wire becomes unknown, as it does where a worker sends by itself. The signals
that end processes are the worker's to answer: it finishes what is in the air, and lets its carriers go.
"""

from __future__ import annotations

import os
import signal
import threading
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from traceback import format_exception

from newsletter.delivery import steps, waybill
from newsletter.delivery.copies import Copies
from newsletter.delivery.lanes import Lanes
from newsletter.delivery.senders.base import seconds
from newsletter.delivery.waybill import Entry, Fitting, Word

_LOOK = 0.5


def main(descriptor: int) -> None:
    """Carry until told to leave, or until the worker is gone.

    Args:
        descriptor: our end of the pipe.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    steps.carries_for(os.getppid())
    pipe = Connection(descriptor)
    try:
        _Carrier(pipe).run()
    except (EOFError, OSError):
        # Not even a `finally`: no thread may begin anything more.
        os._exit(0)


class _Carrier:
    """One carrier, at its end of the pipe."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._copies: dict[int, Copies] = {}
        _, fitting = waybill.heard(pipe)
        if not isinstance(fitting, Fitting):
            raise TypeError("the worker has to send the fitting first")
        self._lanes = Lanes(fitting.sender, clock=_since_start, number=fitting.lanes)
        waybill.say(pipe, Word.READY)
        self._teller = threading.Thread(target=self._tell, name="teller", daemon=True)
        self._teller.start()

    def run(self) -> None:
        """Do what is said.

        Raises:
            EOFError, OSError: the worker is gone.
        """
        looked = seconds()
        while True:
            if self._pipe.poll(_LOOK) and not self._heed(*waybill.heard(self._pipe)):
                return
            if seconds() - looked > _LOOK:
                looked = seconds()
                self._lanes.cut_if_overdue()

    def _heed(self, word: Word, what: object) -> bool:
        """False once it is to leave."""
        match word, what:
            case Word.PARCELS, list(entries):
                for entry in entries:
                    self._lanes.put(waybill.unlisted(entry, self._copies))
            case Word.COPIES, (int(number), Copies() as copies):
                self._copies[number] = copies
            case Word.CUT, _:
                self._lanes.cut()
            case Word.LEAVE, _:
                self._lanes.close()
                self._teller.join(1.0)
                return False
        return True

    def _tell(self) -> None:
        """Hand back what has come back, all of it at once."""
        try:
            while (first := self._lanes.get()) is not None:
                receipts: list[Entry] = [waybill.receipt(first)]
                while (another := self._lanes.get(timeout=0)) is not None:
                    receipts.append(waybill.receipt(another))
                if self._lanes.crash is not None:
                    waybill.say(self._pipe, Word.CRASH, "".join(format_exception(self._lanes.crash)))
                waybill.say(self._pipe, Word.BACK, receipts)
        except OSError:
            os._exit(0)


def _since_start() -> datetime:
    """A clock that nobody sets: the worker knows the hour."""
    return datetime.fromtimestamp(seconds(), UTC)
