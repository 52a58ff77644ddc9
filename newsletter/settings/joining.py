"""`[joining]`: how often mail may be asked for on the public pages."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from newsletter.settings.values import Table

Times = Annotated[int, Field(ge=1, le=1_000_000)]


class JoiningSettings(Table):
    """`[joining]`: how often mail may be asked for on the readers' pages, so that nobody is flooded in your name."""

    per_address_a_day: Times = 5
    """How often a day of UTC mail to one address may be asked for (a confirmation, the link to one's own data). What is
    over that is left out, and the page says the same."""
    per_network_an_hour: Times = 60
    """How often an hour one network may ask: 256 addresses of IPv4, a site (/48) of IPv6. Then the page says so."""
    all_an_hour: Times = 5_000
    """How often an hour everyone together may ask."""
