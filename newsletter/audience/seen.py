"""Remembering millions of keys in little memory: what a set of strings would need 100 MB for takes 16 MB. Pure."""

from __future__ import annotations

from array import array

_EMPTY = 0


class Seen:
    """The keys met so far, as 64-bit hashes in an open-addressing table that is at most half full.

    Two keys may share a hash: with a million keys the chance of any such pair is 3e-8, so it serves for telling a
    repeat from a stranger in counts, never for deciding who is left out.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * 1024))
        self._count = 0

    def add(self, key: str) -> bool:
        """Remember `key`; whether it was new."""
        if 2 * self._count >= len(self._slots):
            self._grow()
        new = self._place(self._slots, hash(key) & 0xFFFF_FFFF_FFFF_FFFF or 1)
        self._count += new
        return new

    @staticmethod
    def _place(slots: array[int], hashed: int) -> bool:
        mask = len(slots) - 1
        place = hashed & mask
        while (found := slots[place]) != _EMPTY:
            if found == hashed:
                return False
            place = (place + 1) & mask
        slots[place] = hashed
        return True

    def _grow(self) -> None:
        slots = array("Q", bytes(16 * len(self._slots)))
        for hashed in self._slots:
            if hashed != _EMPTY:
                self._place(slots, hashed)
        self._slots = slots
