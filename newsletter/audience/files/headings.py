"""What common tools call their columns, and how they say that somebody does not want the mail. Pure.

Looked up in exports of Mailchimp, Ghost, Substack, Buttondown, listmonk, Keila and MailerLite, and in what spreadsheets and address
books call things in a few languages.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache


class Meaning(StrEnum):
    """What a column may hold. `ATTRIBUTE` and `IGNORE` are for people to say; no heading means them by itself."""

    ADDRESS = "address"
    NAME = "name"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    ZONE = "zone"
    HOUR = "hour"
    LANGUAGE = "language"
    STATUS = "status"
    LEFT = "left"
    LEFT_REASON = "left_reason"
    PAUSED_UNTIL = "paused_until"
    BOUNCED = "bounced"
    SUPPRESSED = "suppressed"
    TAGS = "tags"
    ATTRIBUTES = "attributes"
    CONSENT = "consent"
    CONSENT_SOURCE = "consent_source"
    CONSENT_AT = "consent_at"
    CHANGED_AT = "changed_at"
    ATTRIBUTE = "attribute"
    IGNORE = "ignore"


_HEADINGS: dict[Meaning, str] = {
    Meaning.ADDRESS: "email emailaddress emailaddresses emailadresse eaddress mail mailaddress mailadresse "
    "subscriberemail useremailaddress primaryemail correo correoelectronico courriel epost adresseemail "
    "email1 email1value address adresse",
    Meaning.NAME: "name fullname displayname subscribername username yourname nombre nom vollername",
    Meaning.FIRST_NAME: "firstname givenname forename fname first prenom vorname",
    Meaning.LAST_NAME: "lastname familyname surname lname last nachname apellido apellidos",
    Meaning.ZONE: "zone timezone tz timezonename zeitzone",
    Meaning.HOUR: "hour localhour preferredhour deliveryhour",
    Meaning.LANGUAGE: "language lang locale sprache langue idioma",
    Meaning.STATUS: "status subscriptionstatus emailstatus subscriberstatus subscribertype emailmarketingstatus "
    "subscribedtoemails subscribed type",
    # A date, or a yes: whoever has one does not want the mail.
    Meaning.LEFT: "unsubtime unsubscribedat unsubscribedate unsubscriptiondate leftat optouttime optoutat optedout "
    "emaildisabled unsubscribed",
    Meaning.LEFT_REASON: "leftreason unsubreason",
    Meaning.PAUSED_UNTIL: "pauseduntil",
    Meaning.BOUNCED: "cleantime bouncedat undeliverabilitydate hardbouncedat",
    Meaning.SUPPRESSED: "suppressed suppression",
    Meaning.TAGS: "tags tag labels etiketten schlagworter etiquettes etiquetas",
    Meaning.ATTRIBUTES: "attributes attribs metadata customfields data",
    Meaning.CONSENT: "consent consenttext",
    Meaning.CONSENT_SOURCE: "consentsource optinsource signupsource",
    Meaning.CONSENT_AT: "consentat confirmtime confirmedat optintime optinat subscribedat subscriptioncreatedat "
    "creationdate signupdate signedupat createdat",
    Meaning.CHANGED_AT: "changedat",
}
_KNOWN = {
    heading: (meaning, rank) for meaning, words in _HEADINGS.items() for rank, heading in enumerate(words.split())
}


class Standing(StrEnum):
    """What a file says of a person's wish.."""

    JOINED = "subscribed"
    LEFT = "unsubscribed"
    WAITING = "unconfirmed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    BLOCKED = "blocked"


_STANDINGS: dict[Standing, str] = {
    Standing.LEFT: "unsubscribed unsubscribe left optedout optout inactive disabled archived deleted removed nonsubscribed "
    "notsubscribed no false 0 n nein non",
    Standing.WAITING: "unconfirmed pending unactivated notconfirmed waiting confirmationpending",
    Standing.BOUNCED: "cleaned bounced hardbounced hardbounce bounce invalid unreachable undeliverable",
    Standing.COMPLAINED: "complained complaint spam spammy spamcomplaint abuse abusereport",
    Standing.BLOCKED: "blocklisted blacklisted blocked suppressed erased banned manual",
}
_STANDING_OF = {word: standing for standing, words in _STANDINGS.items() for word in words.split()}
_NO = frozenset({"", "no", "false", "0", "n", "none", "null", "nein", "non"})


def meaning_of(heading: str) -> tuple[Meaning, int] | None:
    """What a heading means, and its rank among those that mean the same: the lower the surer. None for others."""
    return _KNOWN.get(letters(heading))


@lru_cache(maxsize=1000)
def standing_of(status: str) -> Standing:
    """What another tool's `status` says. Words that say nothing of it, such as VIP, stand for people who want the mail."""
    return _STANDING_OF.get(letters(status), Standing.JOINED)


def says_yes(cell: str) -> bool:
    """Whether a cell of a column such as *email disabled* or *unsubscribed at* says that it is so."""
    return letters(cell) not in _NO


def letters(text: str) -> str:
    """A heading or status for comparing: lower case, letters and digits only, without accents."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    return re.sub(r"[\W_]+", "", "".join(c for c in folded if not unicodedata.combining(c)))
