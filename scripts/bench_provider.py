"""The fake SendGrid in a process of its own: prints its URL, answers each request after so many seconds, until stdin ends.

`bench_provider.py LOG SECONDS`
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from newsletter.rehearsal.sendgrid import Plan, Provider, read_log
from newsletter.rehearsal.sendgrid.provider import KEY


@dataclass(frozen=True, kw_only=True, slots=True)
class Fake:
    """The running process."""

    url: str
    log: Path

    @property
    def sender(self) -> str:
        """For `[sender]`."""
        return f'kind = "sendgrid"\nurl = "{self.url}"'

    @property
    def secrets(self) -> dict[str, str]:
        """What its clients need."""
        return {"NEWSLETTER_SENDGRID_KEY": KEY}

    def judge(self, recipients: int) -> None:
        """Everybody got it, once.

        Raises:
            SystemExit: no.
        """
        taken = [one.address for one in read_log(self.log)]
        if len(taken) != recipients or len(set(taken)) != recipients:
            raise SystemExit(f"{len(taken):,} messages went to {len(set(taken)):,} of {recipients:,} readers")


@contextmanager
def provider(folder: Path, *, seconds: float = 0.0) -> Iterator[Fake]:
    """The process, which keeps its log in the folder."""
    log = folder / "provider.log"
    command = [sys.executable, __file__, str(log), str(seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("both are pipes")
        yield Fake(url=process.stdout.readline().strip(), log=log)
        process.stdin.close()


def main() -> None:
    """Be the process."""
    log, seconds = sys.argv[1:]
    with Provider(log=Path(log), plan=Plan(latency=float(seconds))) as running:
        print(running.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
