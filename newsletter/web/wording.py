"""How pages say things: times, sizes, numbers, and text with its links. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from newsletter.clock import Clock

KB = 1024
_URL = re.compile(r"https?://[^\s<>\"'\x00-\x1f]{1,2000}", re.IGNORECASE)
_TRAILING = ".,;:!?)]}’”"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """Words for the pages; instants are shown in `zone`."""

    zone: ZoneInfo
    clock: Clock

    def when(self, instant: datetime) -> str:
        """The time of day, and the date where that is not today's."""
        local = instant.astimezone(self.zone)
        if local.date() == self.clock().astimezone(self.zone).date():
            return f"{local:%H:%M:%S}"
        return f"{local.day} {local:%b %Y, %H:%M}"

    def exactly(self, instant: datetime) -> str:
        """Date and time with the offset."""
        local = instant.astimezone(self.zone)
        offset = f"{local:%z}".replace("-", "\N{MINUS SIGN}")
        return f"{local:%A} {local.day} {local:%B %Y, %H:%M:%S} (UTC{offset[:3]}:{offset[3:5]})"

    def name(self, sender: str) -> str:
        """The name in a From header; the header itself where it has none."""
        before, opening, _ = sender.rpartition("<")
        return before.strip().strip('"').replace("\\", "") if opening and before.strip() else sender

    def size(self, octets: int) -> str:
        """Octets, KB or MB of 1024."""
        return readable_size(octets)

    def number(self, count: int) -> str:
        """With commas between the thousands."""
        return f"{count:,}"

    def count(self, count: int, one: str, many: str) -> str:
        """`count` with the word for it."""
        return f"{count:,} {one if count == 1 else many}"


def readable_size(octets: int) -> str:
    """Octets, KB or MB of 1024."""
    if octets < KB:
        return f"{octets} bytes"
    if octets < KB * KB:
        return f"{octets / KB:.1f} KB"
    return f"{octets / KB / KB:.1f} MB"


def text_pieces(text: str) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it is a web address. Joined they give the text back."""
    pieces: list[tuple[str, bool]] = []
    position = 0
    for match in _URL.finditer(text):
        url = match[0].rstrip(_TRAILING)
        pieces += [(text[position : match.start()], False), (url, True)]
        position = match.start() + len(url)
    pieces.append((text[position:], False))
    return [piece for piece in pieces if piece[0]]
