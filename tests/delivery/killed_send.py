"""Run as a process of its own, to be killed: sends a newsroom's issue with the real App. Arguments: the newsroom's folder."""

import sys
from datetime import date
from pathlib import Path

from newsletter.app import App
from newsletter.issues import Issue, Quote, Section
from newsletter.publishing import approvals, users
from newsletter.settings import load
from newsletter.store.statuses import UserRole

QUOTE = Quote(
    id="q1",
    paragraphs=("“A ferry is a street that floats.”",),
    author="Ada Marlow",
    outlet="The Harbour Post",
    attribution="Ada Marlow, The Harbour Post",
    side="left",
    side_source="decision",
    link=None,
    suggestion=None,
    file="roundup.txt",
    lines=(1, 3),
)
ISSUE = Issue(
    slug="2026-11-23-ferries",
    title="Should ferries be free?",
    date=date(2026, 11, 23),
    subject="Should ferries be free?",
    preheader="Two sides of the harbour",
    template="daily",
    lists=("daily",),
    sections=(Section(heading="From the left", side="left", stance="For", quotes=(QUOTE,)),),
    blocks=(),
    findings=(),
    inputs=(("roundup.txt", "“A ferry is a street that floats.”\n\nAda Marlow, The Harbour Post\n".encode()),),
)


def approved(app: App) -> None:
    """Let the issue through the gate, by the same hand however often the process is killed."""
    now, known = app.clock(), users.listed(app.store)
    add = {"side": None, "hashed": app.keys.user_hash, "actor": "a test", "now": now}
    user = known[0] if known else users.add(app.store, "Ada", UserRole.EDITOR, **add)[0]
    approvals.approve(app.store, app.examine(ISSUE), user=user, now=now)


def main(root: str) -> None:
    with App.open(load(Path(root))) as app:
        approved(app)
        report = app.send(app.plan(ISSUE, "daily"), actor="a test")
        sys.stdout.write(report.as_dict()["status"] + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
