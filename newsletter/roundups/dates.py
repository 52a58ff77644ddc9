"""Telling that a line is a date, in the ways in which editors write one."""

from __future__ import annotations

import re

_WEEKDAY = r"(?:mon|tue|tues|wed|wednes|thu|thur|thurs|fri|sat|satur|sun)(?:day)?\.?"
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_YEAR = r"(?:,?\s+(?P<year{0}>(?:19|20)\d\d|[’']\d\d))?"
_AROUND = (
    rf"(?:week\s+of|(?:{_WEEKDAY}\s+)?(?:morning|afternoon|evening|noon)|(?:(?:issue|edition|no\.?|vol\.?|\#)\s*\#?\d+[\s,.]*)+|"
    r"(?:last\s+)?(?:updated|published|posted|sent)(?:\s+on|\s+at)?|today\s+is|(?:at\s+)?\d{1,2}:\d\d(?:\s*[ap]\.?m\.?)?(?:\s*[A-Z]{2,4})?)"
)
_DATE = re.compile(
    rf"""^[\s#>*_|\-–—•📅🗓️]*(?:{_AROUND}[\s|·:,–—-]+)?(?:date\s*[:=]\s*)?(?:
      (?:{_WEEKDAY},?\s+)?(?:the\s+)?(?:{_MONTH}\s+{_DAY}(?:\s*[–-]\s*\d{{1,2}})?{_YEAR.format(1)}|{_DAY}(?:\s+of)?\s+{_MONTH}{_YEAR.format(2)})
    | (?:{_WEEKDAY},?\s+)?(?P<year3>(?:19|20)\d\d)[-/.]\d{{1,2}}[-/.]\d{{1,2}}
    | (?:{_WEEKDAY},?\s+)?\d{{1,2}}[-/.]\d{{1,2}}[-/.](?P<year4>(?:19|20)?\d\d)
    | {_WEEKDAY},?\s+{_DAY}
    | {_MONTH}\s+(?P<year5>(?:19|20)\d\d)
    )(?:[\s|·,–—-]+{_AROUND})?[\s#*_|:.]*$""",
    re.IGNORECASE | re.VERBOSE,
)
_LONGEST = 60


def date_line(text: str) -> tuple[bool, bool]:
    """Whether the whole line is a date, and whether that date names its year."""
    found = _DATE.match(text) if len(text) <= _LONGEST else None
    if not found:
        return False, False
    return True, any(found.group(f"year{number}") for number in (1, 2, 3, 4, 5))
