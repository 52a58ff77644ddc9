"""What Mail Send takes and what it refuses: the schema and the limits, and what the official description lets through.

Unknown properties, reserved headers, over-long arguments and repeated recipients pass the description; SendGrid, or
its manual, refuses them. Pure. 1,000 personalizations take about 6 ms.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MOST_RECIPIENTS = 1_000
MOST_BYTES = 30_000_000
MOST_BYTES_EACH = 10_000
RESERVED = frozenset(
    [
        "x-sg-id",
        "x-sg-eid",
        "received",
        "dkim-signature",
        "content-type",
        "content-transfer-encoding",
        "to",
        "from",
        "subject",
        "reply-to",
        "cc",
        "bcc",
    ]
)
_ADDRESS = re.compile(r"[^\s@<>\x00-\x1f\x7f-\U0010ffff]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_HEADER = re.compile(r"[!-9;-~]+")

_TEXT, _YES, _NUMBER = (str,), (bool,), (int,)
_TOP = frozenset(
    [
        "personalizations",
        "from",
        "reply_to",
        "reply_to_list",
        "subject",
        "content",
        "attachments",
        "template_id",
        "headers",
        "categories",
        "custom_args",
        "send_at",
        "batch_id",
        "asm",
        "ip_pool_name",
        "mail_settings",
        "tracking_settings",
    ]
)
_PERSONALIZATION = frozenset(
    [
        "from",
        "to",
        "cc",
        "bcc",
        "subject",
        "headers",
        "substitutions",
        "dynamic_template_data",
        "custom_args",
        "send_at",
    ]
)
_SETTINGS: Mapping[str, Mapping[str, Mapping[str, tuple[type, ...]]]] = {
    "tracking_settings": {
        "click_tracking": {"enable": _YES, "enable_text": _YES},
        "open_tracking": {"enable": _YES, "substitution_tag": _TEXT},
        "subscription_tracking": {"enable": _YES, "text": _TEXT, "html": _TEXT, "substitution_tag": _TEXT},
        "ganalytics": {
            "enable": _YES,
            **dict.fromkeys(("utm_source", "utm_medium", "utm_term", "utm_content", "utm_campaign"), _TEXT),
        },
    },
    "mail_settings": {
        "bypass_list_management": {"enable": _YES},
        "bypass_spam_management": {"enable": _YES},
        "bypass_bounce_management": {"enable": _YES},
        "bypass_unsubscribe_management": {"enable": _YES},
        "footer": {"enable": _YES, "text": _TEXT, "html": _TEXT},
        "sandbox_mode": {"enable": _YES},
    },
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What is wrong, and with what, as SendGrid writes it in `errors`."""

    message: str
    field: str | None


class RefusedError(Exception):
    """The request is refused with these faults."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.message}" for fault in faults))
        self.faults = faults


Request = dict[str, Any]


def parse(data: bytes, *, refused: frozenset[str] = frozenset()) -> Request:
    """The request of a body. Addresses among `refused` are found no fit ones.

    Raises:
        RefusedError: it is no JSON object, or there is anything wrong with it.
    """
    try:
        request = json.loads(data)
    except ValueError as error:
        raise RefusedError([Fault(message="Bad Request: the body is no JSON", field=None)]) from error
    if not isinstance(request, dict):
        raise RefusedError([Fault(message="Invalid type. Expected: object", field=None)])
    found = list(_top(request)) or list(_refusals(request, refused))
    if found:
        raise RefusedError(found)
    return request


def is_sandbox(request: Request) -> bool:
    """Whether it only wants to be checked."""
    return bool(request.get("mail_settings", {}).get("sandbox_mode", {}).get("enable"))


def _refusals(request: Request, refused: frozenset[str]) -> Iterator[Fault]:
    for at, one in enumerate(request["personalizations"] if refused else ()):
        for number, mailbox in enumerate(one["to"]):
            if mailbox["email"].lower() in refused:
                place = f"personalizations.{at}.to.{number}.email"
                yield Fault(message="Does not contain a valid address.", field=place)


def _top(request: Request) -> Iterator[Fault]:
    yield from _unknown(request, _TOP, "")
    yield from _mailbox(request.get("from"), "from")
    if "reply_to" in request:
        yield from _mailbox(request["reply_to"], "reply_to")
    yield from _content(request)
    yield from _headers(request.get("headers", {}), "headers")
    yield from _categories(request.get("categories", []))
    yield from _arguments(request.get("custom_args", {}), "custom_args")
    for name, known in _SETTINGS.items():
        yield from _settings(request.get(name, {}), name, known)
    yield from _personalizations(request.get("personalizations"), has_subject=bool(request.get("subject")))


def _unknown(given: Mapping[str, Any], known: frozenset[str], place: str) -> Iterator[Fault]:
    for name in given.keys() - known:
        yield Fault(message="Additional property is not allowed", field=f"{place}{name}")


def _mailbox(given: Any, place: str) -> Iterator[Fault]:
    if not isinstance(given, dict) or not isinstance(given.get("email"), str):
        yield Fault(message=f"The {place} object must be provided with an email", field=f"{place}.email")
        return
    if not _ADDRESS.fullmatch(given["email"]) or ".." in given["email"]:
        yield Fault(message="Does not contain a valid address.", field=f"{place}.email")
    if not isinstance(given.get("name", ""), str):
        yield Fault(message="Invalid type. Expected: string", field=f"{place}.name")
    if len(given) > 1 + ("name" in given):
        yield from _unknown(given, frozenset({"email", "name"}), f"{place}.")


def _content(request: Request) -> Iterator[Fault]:
    content = request.get("content")
    if not isinstance(content, list) or not content:
        yield Fault(
            message="Unless a valid template_id is provided, the content parameter is required", field="content"
        )
        return
    kinds = [part.get("type") for part in content if isinstance(part, dict) and isinstance(part.get("value"), str)]
    if len(kinds) < len(content) or any(
        not isinstance(kind, str) or not part["value"] for kind, part in zip(kinds, content, strict=True)
    ):
        yield Fault(message="The content value must be a string at least one character in length.", field="content")
    elif kinds != sorted(
        kinds, key=lambda kind: ["text/plain", "text/html"].index(kind) if kind in ("text/plain", "text/html") else 2
    ):
        yield Fault(message="If present, text/plain must be first, followed by text/html", field="content")


def _headers(given: Any, place: str) -> Iterator[Fault]:
    if not isinstance(given, dict):
        yield Fault(message="Invalid type. Expected: object", field=place)
        return
    for name, value in given.items():
        if not _may_be_set(name):
            yield Fault(message=f"The header {name} is reserved or cannot be set", field=f"{place}.{name}")
        elif not isinstance(value, str) or not value.isascii() or not value.isprintable():
            yield Fault(message="A header's value must be one line of ASCII", field=f"{place}.{name}")


@lru_cache(maxsize=1024)
def _may_be_set(name: str) -> bool:
    return name.lower() not in RESERVED and _HEADER.fullmatch(name) is not None


def _categories(given: Any) -> Iterator[Fault]:
    if not isinstance(given, list) or not all(isinstance(each, str) and 0 < len(each) <= 255 for each in given):
        yield Fault(message="Categories must be strings of at most 255 characters", field="categories")
    elif len(given) > 10 or len(set(given)) < len(given):
        yield Fault(message="There may be 10 categories, none twice", field="categories")


def _arguments(given: Any, place: str) -> Iterator[Fault]:
    if not isinstance(given, dict) or not set(map(type, given.values())) <= {str}:
        yield Fault(message="Invalid type. Expected: object of strings", field=place)
    elif _size(given) > MOST_BYTES_EACH:
        yield Fault(message=f"Must not exceed {MOST_BYTES_EACH} bytes", field=place)


def _size(given: Mapping[str, str]) -> int:
    characters = len("".join(given)) + len("".join(given.values()))
    if characters * 4 <= MOST_BYTES_EACH:
        return characters
    return sum(len(word.encode()) for item in given.items() for word in item)


def _settings(given: Any, place: str, known: Mapping[str, Mapping[str, tuple[type, ...]]]) -> Iterator[Fault]:
    if not isinstance(given, dict):
        yield Fault(message="Invalid type. Expected: object", field=place)
        return
    yield from _unknown(given, frozenset(known), f"{place}.")
    for name, values in given.items():
        for key, value in values.items() if name in known and isinstance(values, dict) else ():
            if key not in known[name] or type(value) not in known[name][key]:
                yield Fault(message="Invalid property", field=f"{place}.{name}.{key}")


def _personalizations(given: Any, *, has_subject: bool) -> Iterator[Fault]:
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_RECIPIENTS:
        message = f"The personalizations field is required and may have {MOST_RECIPIENTS} entries"
        yield Fault(message=message, field="personalizations")
        return
    seen: set[str] = set()
    for at, one in enumerate(given):
        place = f"personalizations.{at}"
        if not isinstance(one, dict):
            yield Fault(message="Invalid type. Expected: object", field=place)
            continue
        if not one.keys() <= _PERSONALIZATION:
            yield from _unknown(one, _PERSONALIZATION, f"{place}.")
        if not (has_subject or one.get("subject")):
            yield Fault(message="The subject is required", field=f"{place}.subject")
        yield from _recipients(one, place, seen)
        yield from _headers(one.get("headers", {}), f"{place}.headers")
        yield from _arguments(one.get("substitutions", {}), f"{place}.substitutions")
        yield from _arguments(one.get("custom_args", {}), f"{place}.custom_args")
        if "send_at" in one and not isinstance(one["send_at"], int):
            yield Fault(message="Invalid type. Expected: integer", field=f"{place}.send_at")
    if len(seen) > MOST_RECIPIENTS:
        yield Fault(message=f"There may be {MOST_RECIPIENTS} recipients in all", field="personalizations")


def _recipients(one: Mapping[str, Any], place: str, seen: set[str]) -> Iterator[Fault]:
    if not one.get("to"):
        yield Fault(message="The to array is required, and must have one recipient", field=f"{place}.to")
    for kind in ("to", "cc", "bcc"):
        for number, mailbox in enumerate(one.get(kind, ())):
            yield from _mailbox(mailbox, f"{place}.{kind}.{number}")
            address = str(mailbox.get("email")).lower() if isinstance(mailbox, dict) else ""
            if address in seen:
                yield Fault(message="Each email address in a request should be unique", field=f"{place}.{kind}")
            seen.add(address)
