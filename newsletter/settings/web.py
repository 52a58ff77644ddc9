"""`[web]`: what the pages need to know of the machines around them."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator

from newsletter.settings.values import Table


def _network(text: str) -> str:
    try:
        return str(ip_network(text.strip()))
    except ValueError:
        raise ValueError(f'{text!r} is no address and no network: write "10.0.0.5" or "10.0.0.0/24"') from None


class WebSettings(Table):
    """`[web]`: what the pages need to know of the machines around them."""

    proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = ("127.0.0.1/32", "::1/128")
    """Servers in front of the pages, by address or network. What they say in X-Forwarded-For of where a request came from
    is believed; what anybody else says is not. Limits on how often somebody may sign up count by it."""
