"""Looking a newsroom over, area by area. What goes wrong in one area never keeps the doctor from the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from newsletter.doctor import alerting, clocks, configuration, database, disk, keeping_keys, mail_dns, sending
from newsletter.doctor.diagnosis import Area, Diagnosis, LeftOut, Said
from newsletter.doctor.installation import Installation

_LOOKS: tuple[Callable[[Installation], Iterator[Said]], ...] = (
    configuration.look,
    keeping_keys.look,
    database.look,
    clocks.look,
    disk.look,
    alerting.look,
)
_ASKS: dict[Area, Callable[[Installation], Iterator[Said]]] = {Area.SENDER: sending.look, Area.DNS: mail_dns.look}


def examine(installation: Installation) -> Diagnosis:
    """All that can be said of the installation. Nothing is changed, and no mail is sent.

    Asks the database for at most 10 s to look through its file, the sender once, and the DNS within the resolver's
    deadline; with `installation.offline` neither of the last two, nor the webhook of alerts.
    """
    said = [each for look in _LOOKS for each in look(installation)]
    for area, ask in _ASKS.items():
        if installation.offline:
            said.append(LeftOut(area=area, why="left out, as asked for"))
        else:
            said += ask(installation)
    return Diagnosis(newsroom=installation.settings.newsroom.name, said=tuple(said))
