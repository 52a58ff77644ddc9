"""Why a link is refused."""

from __future__ import annotations

from typing import Self

from newsletter.errors import NewsletterError


class TokenError(NewsletterError):
    """The token is not one of ours, or not for this purpose. The text never repeats it."""

    @classmethod
    def invalid(cls) -> Self:
        """The one answer to everything that no key of ours has sealed for this purpose: it tells a forger nothing."""
        return cls("this link is not valid", remedy="Use the link as it stands in the e-mail, whole")


class ExpiredTokenError(TokenError):
    """The token was ours and for this purpose, and its time is over, or what it was made for has changed since."""

    @classmethod
    def over(cls) -> Self:
        """What is said of it."""
        return cls("this link has run out", remedy="Ask for another one")
