"""How links are asked, and in whose name."""

from __future__ import annotations

import re
import ssl
import unicodedata
from dataclasses import dataclass
from urllib.parse import urlsplit

from newsletter import __version__
from newsletter.checks import links_request
from newsletter.checks.links_request import Connect, Resolve
from newsletter.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkOptions:
    """How to ask.

    Args:
        user_agent: who asks, for the other side's logs.
        timeout: seconds for one link in all, redirects included.
        per_host: requests to one host at a time.
        redirects: followed at most.
        threads: links asked at a time.
        offline: answer from the cache alone; links that it does not know are left out.
        resolve, connect, tls: name → addresses, address → socket, and who vouches for certificates.
    """

    user_agent: str = f"newsletter/{__version__} (link check)"
    timeout: float = 10.0
    per_host: int = 2
    redirects: int = 3
    threads: int = 64
    offline: bool = False
    resolve: Resolve = links_request.resolve
    connect: Connect = links_request.connect
    tls: ssl.SSLContext | None = None

    @classmethod
    def of(cls, settings: Settings, *, offline: bool = False) -> LinkOptions:
        """The options of a newsroom: its name and its pages stand in the User-Agent."""
        return cls(user_agent=_user_agent(settings), offline=offline)


def _user_agent(settings: Settings) -> str:
    """`newsletter/0.1.0 (link check; The Newsroom; +https://…)`, in ASCII and without what ends a comment early."""
    plain = unicodedata.normalize("NFKD", settings.newsroom.name).encode("ascii", "ignore").decode("ascii")
    name = re.sub(r"[^\w .,&'-]", "", plain).strip()[:80]
    public = settings.newsroom.url if "." in (urlsplit(settings.newsroom.url).hostname or "") else ""
    address = f"+{public}" if re.fullmatch(r"[\x21-\x27\x2a-\x7e]{1,200}", public) else ""
    return f"newsletter/{__version__} ({'; '.join(filter(None, ('link check', name, address)))})"
