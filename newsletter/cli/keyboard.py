"""Keys as they are pressed, without Enter."""

from __future__ import annotations

import codecs
import os
import re
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

_END = "\x04"
_KEY = re.compile(r"\x1b(?:\[[0-9;]*[^0-9;]|O.|.)?|.", re.DOTALL)
"""One key: a character, or what a terminal sends for arrows and the like (ECMA-48 section 5.4)."""


@contextmanager
def pressed_keys() -> Iterator[Iterator[str]]:
    """Within the block the terminal of stdin hands over each key at once and shows none; afterwards it is as before.

    Gives the keys one by one. Arrows and the like come as one piece, beginning with the escape character. Ctrl-C, Ctrl-D
    and a terminal that goes away raise KeyboardInterrupt.
    """
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    # Neither switch may flush (TCSAFLUSH would): what was typed ahead counts. Once for the whole block, for the same reason.
    tty.setcbreak(terminal, termios.TCSADRAIN)
    try:
        yield _keys(terminal)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _keys(terminal: int) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    while came := os.read(terminal, 1024):
        for key in _KEY.findall(decoder.decode(came)):
            if key == _END:
                raise KeyboardInterrupt
            yield key
    raise KeyboardInterrupt
