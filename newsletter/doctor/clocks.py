"""The clock and the rules of time zones: a mailing is due at somebody's local hour."""

from __future__ import annotations

import ctypes
import re
import struct
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zoneinfo import TZPATH, available_timezones

from sqlalchemy import func, select

from newsletter.doctor import database
from newsletter.doctor.diagnosis import Area, Fine, Said, found
from newsletter.doctor.installation import Installation
from newsletter.errors import InputError
from newsletter.store.tables import audit, subscriber

_AREA = Area.CLOCK
_MOST_ZONES = 5
_TIMEX_BYTES = 512
"""More than `struct timex` has on any machine; the kernel writes into it."""

_STATUS_AT = 40
_UNSYNCHRONISED = 0x40
"""Where `status` stands in the struct on 64 bits, and its bit STA_UNSYNC (adjtimex(2))."""

_OLD = timedelta(days=550)
"""The rules change several times a year; a year and a half without an update is too long anywhere."""

_AHEAD = timedelta(minutes=1)


def look(installation: Installation) -> Iterator[Said]:
    """The clock beside NTP and the database, and the zones in use beside those that are known."""
    yield from judged(is_synchronised())
    zones, last = _in_use(installation)
    yield from _not_behind(installation.clock(), last)
    unknown = sorted(zones - available_timezones())
    for zone in unknown[:_MOST_ZONES]:
        yield found(_AREA, "CLOCK-ZONE-UNKNOWN", f"no time zone is called {zone!r}, and readers or lists have it")
    if not unknown:
        yield Fine(
            area=_AREA,
            text=f"{'the time zone in use is' if len(zones) == 1 else f'the {len(zones)} time zones in use are'} known",
        )
    yield from rules_of(zone_rules(), packaged_rules(), installation.clock())


def judged(synchronised: bool | None) -> Iterator[Said]:
    """What the kernel's word on its clock means; None where it gives none."""
    if synchronised:
        yield Fine(area=_AREA, text="the clock follows NTP")
    elif synchronised is False:
        yield found(_AREA, "CLOCK-UNSYNCHRONISED", "nobody sets this machine’s clock, as far as its kernel knows")


def is_synchronised() -> bool | None:
    """Whether the kernel counts its clock as synchronised (adjtimex(2), which asks and changes nothing); None if unknown."""
    if sys.platform != "linux" or struct.calcsize("P") != 8:
        return None
    told = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        if ctypes.CDLL(None).adjtimex(told) < 0:
            return None
    except (OSError, AttributeError):
        return None
    (status,) = struct.unpack_from("=i", told.raw, _STATUS_AT)
    return not status & _UNSYNCHRONISED


def _in_use(installation: Installation) -> tuple[set[str], datetime | None]:
    """The zones of newsroom, lists and readers, and when the last thing happened that the audit knows."""
    settings = installation.settings
    zones = {settings.newsroom.zone, *(each.zone for each in settings.lists.values() if each.zone)}
    try:
        with database.reading(installation) as connection:
            if connection is None:
                return zones, None
            readers = connection.execute(select(subscriber.c.zone).distinct().where(subscriber.c.zone.is_not(None)))
            zones |= {str(zone) for zone in readers.scalars() if zone}
            return zones, connection.execute(select(func.max(audit.c.at))).scalar_one()
    except InputError:
        return zones, None  # told with the database


def _not_behind(now: datetime, last: datetime | None) -> Iterator[Said]:
    if last is not None and last > now + _AHEAD:
        shown = f"{last:%Y-%m-%d %H:%M} UTC"
        yield found(_AREA, "CLOCK-BACKWARDS", f"it is {now:%Y-%m-%d %H:%M} UTC here, and the audit knows of {shown}")


def zone_rules(folders: tuple[str, ...] = TZPATH) -> str | None:
    """The version of the zones' rules that Python uses, such as `2026b`: the system's, else the package's."""
    for folder in folders:
        for name, form in (("tzdata.zi", r"# version (\S+)"), ("+VERSION", r"(\S+)")):
            try:
                with (Path(folder) / name).open(encoding="utf-8", errors="replace") as file:
                    first = file.readline(100)
            except OSError:
                continue
            if told := re.match(form, first):
                return told[1]
        if Path(folder, "UTC").exists():
            return None  # rules that do not tell their version
    return packaged_rules()


def packaged_rules() -> str | None:
    """The version of the rules that came with Python's package `tzdata`, which count where the system has none."""
    try:
        packaged = re.match(r"(\d{4})\.(\d+)", version("tzdata"))
    except PackageNotFoundError:
        return None
    return f"{packaged[1]}{chr(ord('a') + int(packaged[2]) - 1)}" if packaged else None


def rules_of(used: str | None, packaged: str | None, now: datetime) -> Iterator[Said]:
    """Whether the rules in use are recent: by their year, and beside those of the package."""
    if used is None or not re.match(r"\d{4}[a-z]", used):
        return
    age = now - datetime(int(used[:4]), 12, 31, tzinfo=now.tzinfo)
    if age > _OLD:
        yield found(_AREA, "CLOCK-ZONES-OLD", f"the rules of time zones are those of {used}")
    elif packaged is not None and packaged > used:
        yield found(
            _AREA,
            "CLOCK-ZONES-OLD",
            f"the system’s rules of time zones are those of {used}; {packaged} are known",
            remedy="Update the system’s tzdata; or set PYTHONTZPATH= (empty) to use those that came with the program",
        )
    else:
        yield Fine(area=_AREA, text=f"rules of time zones: {used}")
