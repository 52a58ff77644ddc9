"""Who a worker is, so that others on the same machine can tell at once that it is dead."""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
from contextlib import suppress
from functools import cache
from pathlib import Path


def own_name() -> str:
    """A name for one worker in this process: machine, process number, when that process began, and a random word."""
    return f"{_machine()}/{os.getpid()}/{_began(os.getpid())}/{secrets.token_hex(4)}"


def is_dead(name: str) -> bool:
    """Whether the worker's process surely exists no more. False where that cannot be known from here."""
    machine, _, rest = name.partition("/")
    number, _, rest = rest.partition("/")
    if machine != _machine() or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    # The number may have passed to another process since.
    return rest.partition("/")[0] != _began(int(number))


@cache
def _machine() -> str:
    """This boot of this machine and, in containers, its own numbering of processes."""
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()


def _began(number: int) -> str:
    """When the process began, in the kernel's ticks since the boot; "" where that is not told. A zombie has ended."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    # proc(5): after the name in brackets come the state, and the start as the 20th.
    return "ended" if fields[0] == "Z" else fields[19]
