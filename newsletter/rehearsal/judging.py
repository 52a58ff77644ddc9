"""Judging a rehearsal by what the inbox really holds, and not by what the ledger says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from html import unescape

from newsletter.issues import Issue
from newsletter.rehearsal.mailbox import Mailbox, Stored
from newsletter.rehearsal.reading import Reading, read

_TAGS = re.compile(r"<style.*?</style>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_WORDS = re.compile(r"\w+")


def to_readers(mailbox: Mailbox, aside: Collection[str] = ()) -> list[Stored]:
    """The messages, those to the addresses `aside` left out: the newsroom's own tests."""
    return [message for message in mailbox if not set(message.rcpt_tos) <= set(aside)]


def faults(mailbox: Mailbox, addresses: Sequence[str], issue: Issue, *, aside: Collection[str] = ()) -> list[str]:
    """What is wrong with the inbox: readers without a message or with several, strangers, words of quotes that are missing.

    Args:
        mailbox: where everything arrived.
        addresses: who should have got it, once each.
        issue: what they should have got.
        aside: addresses of the newsroom's own, whose messages are not judged.
    """
    messages = to_readers(mailbox, aside)
    arrived = Counter(address for message in messages for address in message.rcpt_tos)
    found = [f"{address} got {arrived[address]} messages" for address in addresses if arrived[address] != 1]
    found += [f"{address} is no reader" for address in arrived.keys() - set(addresses)]
    wanted = [word for quote in issue.quotes for paragraph in quote.paragraphs for word in _words(paragraph)]
    for message in messages:
        found += [f"message {message.id}: {fault}" for fault in _message_faults(read(mailbox.raw(message)), wanted)]
    return found


def _message_faults(reading: Reading, wanted: list[str]) -> list[str]:
    found = []
    for name, text in (("text", reading.text), ("HTML", reading.html)):
        if text is None:
            found.append(f"has no {name} part")
            continue
        shown = unescape(_TAGS.sub(" ", text)) if name == "HTML" else text
        missing = _missing(wanted, Counter(_words(shown)))
        if missing:
            found.append(f"the {name} part lacks {missing[0]!r} and {len(missing) - 1} more words")
    headers = {name.casefold() for name, _ in reading.headers}
    found += [
        f"has no {name}" for name in ("List-Unsubscribe", "List-Unsubscribe-Post") if name.casefold() not in headers
    ]
    return found


def _missing(wanted: list[str], shown: Counter[str]) -> list[str]:
    return list((Counter(wanted) - shown).elements())


def _words(text: str) -> list[str]:
    return _WORDS.findall(text.casefold())
