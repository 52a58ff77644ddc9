"""What the editors decided on an issue: `issue.toml`, read and validated key by key. Pure."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 - `date` is a key of the file
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails

from newsletter.errors import InputError, place
from newsletter.issues.model import Block, BlockKind
from newsletter.issues.naming import ISSUE_FILE, is_component
from newsletter.issues.toml_places import Places, Step
from newsletter.settings import nearest

DEFAULT_TEMPLATE = "daily"
MAX_BYTES = 1024 * 1024
BLOCK_HEADINGS = {
    BlockKind.NOTE: "A note from the editors",
    BlockKind.BRIGHT_SIDE: "On the bright side",
    BlockKind.SPONSOR: "From our sponsor",
    BlockKind.POLL: "What do you think?",
    BlockKind.CORRECTION: "Correction",
}
"""What a block is headed where it names no heading of its own; `heading = ""` leaves it without one."""
_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_WORDS = {
    "string_type": 'must be text in quotation marks, such as "…"',
    "date_type": "must be a date without quotation marks, such as 2026-11-24",
    "date_from_datetime_inexact": "must be a date without a time, such as 2026-11-24",
    "list_type": 'must be a list in square brackets, such as ["…", "…"]',
    "dict_type": "must be a table",
    "model_type": "must be a table",
}


def _one_line(text: str) -> str:
    if any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in text):
        raise ValueError("line breaks and control characters cannot stand here")
    return text.strip()


def _no_control(text: str) -> str:
    if any(unicodedata.category(character) == "Cc" and character not in "\n\r\t" for character in text):
        raise ValueError("control characters cannot stand here")
    return text.replace("\r\n", "\n").strip()


def web_link(url: str) -> str:
    """A URL that may become a link.

    Raises:
        ValueError: it does not start with http:// or https://, names no host, or holds spaces, quotes or brackets.
    """
    if not re.fullmatch(r"https?://[^\s/?#\"'<>\\]+[^\s\"'<>\\]*", url, re.IGNORECASE) or not url.isprintable():
        raise ValueError(f"{url[:80]!r} must be a web address that starts with https:// or http://")
    return url


def _file_name(name: str) -> str:
    if not is_component(name) or name == ISSUE_FILE:
        raise ValueError(f"{name[:80]!r} must be the name of a roundup file in the issue's own folder")
    return name


def _template_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        raise ValueError(f"{name[:80]!r} must be a template's name: letters, digits, - and _")
    return name


Line = Annotated[str, AfterValidator(_one_line)]
Url = Annotated[str, AfterValidator(web_link)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class BlockTable(_Table):
    """One `[[blocks]]` table."""

    kind: Literal["note", "bright_side", "sponsor", "poll", "correction"]
    text: Annotated[str, AfterValidator(_no_control), Field(min_length=1)]
    heading: Line | None = None
    link: Url | None = None
    link_text: Line | None = None

    def as_block(self) -> Block:
        """The block, with the usual heading of its kind where it names none."""
        kind = BlockKind(self.kind)
        heading = BLOCK_HEADINGS[kind] if self.heading is None else self.heading
        return Block(kind=kind, heading=heading, text=self.text, link=self.link, link_text=self.link_text or None)


class IssueTable(_Table):
    """The whole of `issue.toml`; a field that is None or empty was left to the defaults."""

    title: Line | None = None
    date: Date | None = None
    subject: Line | None = None
    preheader: Line | None = None
    template: Annotated[str, AfterValidator(_template_name)] = DEFAULT_TEMPLATE
    lists: list[Line] | None = None
    author: Line | None = None
    roundups: list[Annotated[str, AfterValidator(_file_name)]] | None = None
    order: list[str] = []
    leave_out: list[str] = []
    sides: dict[str, str] = {}
    links: dict[str, Url] = {}
    headings: dict[str, Annotated[Line, Field(min_length=1)]] = {}
    blocks: list[BlockTable] = []

    @field_validator("sides")
    @classmethod
    def _known_sides(cls, sides: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        known: Collection[str] = (info.context or {}).get("sides", ())
        for quote, side in sides.items():
            if side not in known:
                raise UnknownSideError(quote, side)
        return sides


class UnknownSideError(ValueError):
    """A quote was put on a side that the newsroom does not have."""

    def __init__(self, quote: str, side: str) -> None:
        super().__init__(f"no side is called {side!r}")
        self.quote = quote
        self.side = side


@dataclass(frozen=True, kw_only=True, slots=True)
class Decisions:
    """The validated table, and where each of its keys stands."""

    table: IssueTable
    places: Places


def read_decisions(data: bytes, *, where: str, sides: Collection[str]) -> Decisions:
    """The decisions in the bytes of an `issue.toml`.

    Args:
        data: the file's bytes.
        where: the file's path, for errors.
        sides: the keys of the newsroom's sides.

    Raises:
        InputError: not UTF-8, no TOML, an unknown key, or a value that cannot be; names file, line and the nearest
            known word.
    """
    text = _text(data, where)
    values = _values(text, where)
    places = Places(text)
    try:
        return Decisions(table=IssueTable.model_validate(values, context={"sides": sides}), places=places)
    except ValidationError as error:
        raise _explained(error, where, places, sides) from None


def _text(data: bytes, where: str) -> str:
    if len(data) > MAX_BYTES:
        raise InputError(f"has {len(data):,} bytes; {MAX_BYTES:,} are the most", where=where, remedy="Shorten it")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError("is not UTF-8 text", where=place(where, line), remedy="Save it as UTF-8") from error


def _values(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        found = _POSITION.search(message)
        lines = text.rstrip("\n").split("\n")
        line, column = (int(found[1]), int(found[2])) if found and found[1] else (len(lines), len(lines[-1]) + 1)
        raise InputError(
            f"is not valid TOML: {_POSITION.sub('', message)}",
            where=place(where, line, column),
            remedy="Mend that line",
        ) from error
    except RecursionError as error:
        raise InputError("is nested too deeply", where=where, remedy="Take the nested brackets out") from error


def _explained(error: ValidationError, where: str, places: Places, sides: Collection[str]) -> InputError:
    first = min(error.errors(), key=lambda each: places.line(*_steps(each)) or 0)
    steps = _steps(first)
    cause = (first.get("ctx") or {}).get("error")
    if isinstance(cause, UnknownSideError):
        at = place(where, places.line("sides", cause.quote))
        if cause.quote in IssueTable.model_fields:
            fault = f"{cause.quote!r} stands under [sides], where only quotes belong"
            return InputError(fault, where=at, remedy="Move that line up, above the first line in [brackets]")
        return InputError(str(cause), where=at, remedy=nearest(cause.side, list(sides)))
    fault, remedy = _fault(first, steps)
    return InputError(fault, where=place(where, places.line(*steps)), remedy=remedy)


def _fault(error: ErrorDetails, steps: tuple[Step, ...]) -> tuple[str, str]:
    """What is wrong with a key, and the remedy."""
    key, given = _shown(steps), error["input"]
    match error["type"]:
        case "extra_forbidden":
            known = sorted(BlockTable.model_fields if steps[0] == "blocks" else IssueTable.model_fields)
            said = f"unknown key {key!r}", nearest(str(steps[-1]), known)
        case "missing":
            said = f"{key!r} is missing", "Add it"
        case "literal_error":
            kinds = [kind.value for kind in BlockKind]
            said = f"{key!r} is no known kind: {given!r}", nearest(str(given), kinds)
        case "string_too_short" | "too_short":
            said = f"{key!r} is empty", "Fill it, or take the line out"
        case kind:
            message = _WORDS.get(kind, error["msg"].removeprefix("Value error, "))
            said = f"{key!r}: {message}", "Correct that value"
    return said


def _steps(error: ErrorDetails) -> tuple[Step, ...]:
    return tuple(step for step in error["loc"] if step != "[key]")


def _shown(steps: tuple[Step, ...]) -> str:
    """`blocks[2].kind`: elements of lists are counted from 1, as people do."""
    shown = "".join(f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in steps)
    return shown.removeprefix(".")
