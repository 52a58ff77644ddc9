"""The time zones that readers choose from, by area and city, in their language."""

from __future__ import annotations

from functools import cache

from babel.core import get_global

from newsletter.web.translating import Tongue, marked

AREAS = {
    "Africa": marked("Africa"),
    "America": marked("America"),
    "Antarctica": marked("Antarctica"),
    "Arctic": marked("Arctic"),
    "Asia": marked("Asia"),
    "Atlantic": marked("Atlantic"),
    "Australia": marked("Australia"),
    "Europe": marked("Europe"),
    "Indian": marked("Indian Ocean"),
    "Pacific": marked("Pacific"),
}
HOURS = tuple(f"{hour:02}:00" for hour in range(24))

Zones = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
"""Areas with the names of their zones, and the cities that these are called after."""


@cache
def zones_by_area(tongue: Tongue) -> Zones:
    """One name for each place: those of CLDR, without the aliases that the tz database keeps."""
    found: dict[str, list[tuple[str, str]]] = {area: [] for area in AREAS}
    for zone in get_global("zone_territories"):
        area = zone.partition("/")[0]
        if area in found:
            found[area].append((zone, tongue.place(zone)))
    return tuple(
        (tongue.say(AREAS[area]), tuple(sorted(zones, key=lambda one: one[1])))
        for area, zones in found.items()
        if zones
    )
