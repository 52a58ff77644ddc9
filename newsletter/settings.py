"""The newsroom's settings: `newsletter.toml`, read once into one frozen object; secrets come from the environment.

An unknown key is an error that names the nearest known one. Every default is written here and nowhere else.
"""

from __future__ import annotations

import os
import re
import tomllib
from difflib import get_close_matches
from email.utils import parseaddr
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from newsletter.errors import InputError, place

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_NAME = "newsletter.toml"
DATA_FOLDER = "data"

Color = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$", description="six hexadecimal digits, such as #1d5c96")]


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        close = get_close_matches(name, sorted(available_timezones()), n=1)
        raise ValueError(f"no time zone is called {name!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
    return name


def _one_address(address: str) -> str:
    try:
        validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError(f"{address!r} is no e-mail address: {error}") from error
    if parseaddr(address)[1] != address:
        raise ValueError(f"{address!r} must be one bare address, without a name")
    return address


def _http_url(url: str) -> str:
    if not url.startswith(("http://", "https://")) or any(c.isspace() or c in "\"'<>" for c in url):
        raise ValueError(f"{url!r} must be a URL that starts with https:// or http://")
    return url.rstrip("/")


def _one_line(text: str) -> str:
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise ValueError("control characters and line breaks cannot stand here")
    return text.strip()


Zone = Annotated[str, AfterValidator(_known_zone)]
Address = Annotated[str, AfterValidator(_one_address)]
Url = Annotated[str, AfterValidator(_http_url)]
Line = Annotated[str, AfterValidator(_one_line)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Newsroom(_Table):
    """`[newsroom]`: who publishes, and where its pages are."""

    name: Line
    """The newsroom's name, as readers see it at the head and foot of every e-mail."""
    postal_address: Line = ""
    """The postal address under every e-mail. While it is empty nothing is sent: the law wants one."""
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en"
    """The newsletter's language, a BCP 47 tag such as `en` or `pt-BR`: how dates are written, where lines begin."""
    zone: Zone = "UTC"
    """The time zone whose calendar decides what day it is, by its IANA name. Lists may have zones of their own."""
    url: Url = "http://localhost:8025"
    """Where the readers' pages are (view online, preferences, unsubscribe), without a slash at the end."""
    from_name: Line = ""
    """The name in the From header. Left empty: `name`."""
    from_address: Address = "newsletter@localhost.localdomain"
    """The address in the From header and in the envelope; the server of `[sender]` must let you use it."""
    reply_to: Address | None = None
    """Where answers go. Left out: to `from_address`."""


class Brand(_Table):
    """`[brand]`: the look that templates take from the newsroom. Defaults are the design's tokens, light and dark."""

    page: Color = "#f4f2ee"
    """The ground around the card."""
    card: Color = "#ffffff"
    """The ground that the text stands on."""
    ink: Color = "#1c1b1a"
    """Text."""
    soft: Color = "#5c5852"
    """Secondary text: date, sentence under the title, footer."""
    rule: Color = "#d9d4cb"
    """Hairlines."""
    link: Color = "#1a4f8b"
    """Links."""
    page_dark: Color = "#161514"
    """`page` where the reader's device is dark."""
    card_dark: Color = "#201f1d"
    """`card` where the reader's device is dark."""
    ink_dark: Color = "#ece9e4"
    """`ink` where the reader's device is dark."""
    soft_dark: Color = "#b3ada4"
    """`soft` where the reader's device is dark."""
    rule_dark: Color = "#3d3a36"
    """`rule` where the reader's device is dark."""
    link_dark: Color = "#9ac6f5"
    """`link` where the reader's device is dark."""
    serif: Line = "Georgia, 'Times New Roman', serif"
    """The font stack of what is read, as CSS writes it."""
    sans: Line = "Arial, Helvetica, sans-serif"
    """The font stack of what is used: labels, attributions, footer."""
    kicker: Line = "Today’s question"
    """The small line over the title."""
    logo: Url | None = None
    """The full address of an image that stands for the newsroom's name at the head. Left out: the name, as text."""
    logo_dark: Url | None = None
    """The image to show instead of `logo` where the reader's device is dark."""
    logo_width: Annotated[int, Field(ge=16, le=300)] = 160
    """How wide the image is shown, in pixels; its height follows. Twice as many pixels in the file look sharp."""
    logo_alt: Line = ""
    """What the image says, for those who do not see it. Left empty: the newsroom's name."""
    footer: Line = ""
    """A sentence of the newsroom's own at the foot, over the postal address."""


class Side(_Table):
    """`[sides.KEY]`: a side that a quote can stand on. The keys of the table are what editors type, its order the order shown."""

    name: Line
    """The side in a word or two, where a quote is labelled with it."""
    heading: Line
    """The heading over the side's quotes where the roundup names none."""
    color: Color
    """The side's name and the line over its quotes."""
    ground: Color
    """The ground under the side's quotes."""
    color_dark: Color
    """`color` where the reader's device is dark."""
    ground_dark: Color
    """`ground` where the reader's device is dark."""


def _side(name: str, heading: str, light: tuple[str, str], dark: tuple[str, str]) -> Side:
    return Side(name=name, heading=heading, color=light[0], ground=light[1], color_dark=dark[0], ground_dark=dark[1])


_OTHER_COLORS = (("#5b4a8a", "#f3f0f9"), ("#c3b4ee", "#272233"))
DEFAULT_SIDES: dict[str, Side] = {
    "left": _side("Left", "From the left", ("#1d5c96", "#eef4fa"), ("#8fc1f0", "#1a2733")),
    "right": _side("Right", "From the right", ("#a8322a", "#fbf0ee"), ("#f0a199", "#33201e")),
    "center": _side("Center", "From the center", ("#4d5a52", "#eff2ef"), ("#b4c4ba", "#222825")),
    "libertarian": _side("Libertarian", "A libertarian’s take", *_OTHER_COLORS),
    "both": _side("Both sides", "Both sides", *_OTHER_COLORS),
    "other": _side("Other", "Other opinions", *_OTHER_COLORS),
}


class MailingList(_Table):
    """`[lists.NAME]`: a list that readers join, under the title they see."""

    title: Line
    """The list's name for readers: in the footer, on their pages, in the List-Id header."""
    zone: Zone | None = None
    """The list's time zone. Left out: the newsroom's."""


class SenderSettings(_Table):
    """`[sender]`: where mail is handed over. The password is the secret NEWSLETTER_SMTP_PASSWORD."""

    kind: Literal["smtp"] = "smtp"
    """How mail is handed over."""
    host: Line = "127.0.0.1"
    """The mail server's name or address. The default is this machine, where `newsletter inbox` listens."""
    port: Annotated[int, Field(ge=1, le=65535)] = 2525
    """The mail server's port: 587 as a rule with `starttls`, 465 with `tls`."""
    security: Literal["none", "starttls", "tls"] = "none"
    """`starttls` encrypts once connected, `tls` from the first byte, `none` not at all. Certificates are verified."""
    username: Line = ""
    """The name to sign in with. Left empty: without signing in."""
    connections: Annotated[int, Field(ge=1, le=64)] = 8
    """How many connections send at once; also the most deliveries that a killed process leaves unknown."""
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    """Seconds that the server may take for one step before the connection counts as dead."""


class RoundupSettings(_Table):
    """`[roundup]`: what the parser warns of."""

    longest_quote_words: Annotated[int, Field(ge=10)] = 220
    """Words past which a quote is warned of."""


class ApprovalSettings(_Table):
    """`[approval]`: what an edition needs before it may be sent. Any edit makes another edition, which needs it anew."""

    tested: bool = True
    """Whether somebody must have sent this very edition to themselves (`newsletter issue test`)."""
    needed: Annotated[int, Field(ge=0, le=20)] = 1
    """How many people must have approved this very edition. 0: it goes without."""
    by_author: bool = True
    """Whether the approval of the issue's author counts. Where it does not, `issue.toml` must name the author."""
    sides: tuple[Line, ...] = ()
    """Keys of `[sides]` that must each have an approval, from a user of that side (`newsletter user add --side`)."""


class CheckSettings(_Table):
    """`[checks]`: what the checks of an issue hold it to, beyond what is always held."""

    waivable: tuple[Line, ...] = ()
    """Codes of errors that an editor may waive with name and reason, as every warning can be: `["TEXT-PLACEHOLDER"]`."""
    recent_issues: Annotated[int, Field(ge=0, le=60)] = 5
    """How many issues before this one count as recent, when an author or outlet comes again. 0: none."""
    far_days: Annotated[int, Field(ge=1, le=3660)] = 60
    """Days ahead past which an issue's date is warned of."""


class Settings(_Table):
    """All settings of one newsroom. `root` is its folder."""

    root: Path
    newsroom: Newsroom
    brand: Brand = Brand()
    sides: dict[str, Side] = DEFAULT_SIDES
    lists: dict[str, MailingList] = {}
    sender: SenderSettings = SenderSettings()
    roundup: RoundupSettings = RoundupSettings()
    approval: ApprovalSettings = ApprovalSettings()
    checks: CheckSettings = CheckSettings()

    @model_validator(mode="after")
    def _approval_by_known_sides(self) -> Self:
        for side in self.approval.sides:
            if side not in self.sides:
                raise ValueError(f"no side is called {side!r} (approval.sides). {nearest(side, list(self.sides))}")
        return self

    @property
    def data(self) -> Path:
        """The folder of what the system writes for itself (database, keys). Not for git."""
        return self.root / DATA_FOLDER

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.data / "newsletter.db"

    @property
    def issues(self) -> Path:
        """The folder that holds one folder an issue."""
        return self.root / "issues"

    @property
    def templates(self) -> Path:
        """The newsroom's own e-mail templates, one folder a template."""
        return self.root / "templates" / "email"


_TABLES = {name: each.default for name, each in Settings.model_fields.items() if isinstance(each.default, BaseModel)}
_INPUT_KEYS = frozenset(Settings.model_fields) - {"root"}
_NAME_TABLES = ("sides", "lists")


def find_newsroom(start: Path) -> Path:
    """The nearest folder at or above `start` with a `newsletter.toml`.

    Raises:
        InputError: there is none.
    """
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / FILE_NAME).is_file():
            return folder
    raise InputError(
        f"no {FILE_NAME} here or in a folder above",
        where=str(start),
        remedy="Make a newsroom with `newsletter init DIR`, or go to the folder of yours",
    )


def load(root: Path) -> Settings:
    """Read the settings of the newsroom in folder `root`.

    Raises:
        InputError: the file is missing, is no TOML, or holds an unknown key or a value that cannot be; names file, line and key.
    """
    path = root / FILE_NAME
    data = read_toml(path)
    try:
        return Settings(root=root.resolve(), **_known_keys(path, data))
    except ValidationError as error:
        raise _explained(path, error) from None


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        InputError: the file cannot be read, is not UTF-8 or no TOML; names line and column.
    """
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=str(path), remedy="Make it a file that you may read"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8 text", where=str(path), remedy="Save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise _toml_fault(path, error) from error


def _toml_fault(path: Path, error: tomllib.TOMLDecodeError) -> InputError:
    found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", str(error), re.DOTALL)
    fault, where = (found[1], place(path, int(found[2]), int(found[3]))) if found else (str(error), str(path))
    return InputError(f"is not valid TOML: {fault}", where=where, remedy="Mend that line")


def nearest(unknown: str, known: list[str]) -> str:
    """A remedy that names the nearest known word, or all of them."""
    close = get_close_matches(unknown, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known are: {', '.join(known)}"


def _known_keys(path: Path, data: Mapping[str, Any]) -> dict[str, Any]:
    for key in data:
        if key not in _INPUT_KEYS:
            raise InputError(f"unknown table or key {key!r}", where=str(path), remedy=nearest(key, sorted(_INPUT_KEYS)))
    return dict(data)


def _explained(path: Path, error: ValidationError) -> InputError:
    faults = error.errors()
    # A slip in a key’s name also leaves the key missing: the slip is what the reader can see.
    first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    steps = [str(step) for step in first["loc"]]
    key = ".".join(steps)
    if first["type"] == "extra_forbidden":
        return InputError(f"unknown key {key!r}", where=str(path), remedy=nearest(steps[-1], _keys_at(steps[:-1])))
    if first["type"] == "missing":
        return InputError(f"{key!r} is missing", where=str(path), remedy="Add it")
    message = _TYPES.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    return InputError(f"{key!r}: {message}", where=str(path), remedy="Correct that value")


_TYPES = {
    "string_type": "must be text in quotation marks",
    "model_type": "must be a table, with its keys below [the table’s name]",
    "dict_type": "must be a table, with its keys below [the table’s name]",
}
"""Kinds of pydantic’s errors in the words of TOML."""


def _keys_at(steps: list[str]) -> list[str]:
    """The keys that the table at `steps` may hold."""
    tables: dict[str, type[BaseModel]] = {"sides": Side, "lists": MailingList}
    tables |= {name: type(default) for name, default in _TABLES.items()} | {"newsroom": Newsroom}
    return sorted(tables[steps[0]].model_fields) if steps and steps[0] in tables else sorted(_INPUT_KEYS)


def secret(name: str) -> str | None:
    """The secret in the environment variable `name`, or in the file that `NAME_FILE` names; None where neither is set.

    Raises:
        InputError: the named file cannot be read.
    """
    if value := os.environ.get(name):
        return value
    if file := os.environ.get(f"{name}_FILE"):
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            fault = getattr(error, "strerror", None) or "it is no text"
            raise InputError(
                f"the file named by {name}_FILE cannot be read: {fault}",
                where=file,
                remedy="Name a text file that this user may read",
            ) from error
    return None


def defaults() -> Path:
    """The folder with the packaged defaults: `templates/`, `outlets.toml`, `newsletter.toml`.

    In a checkout that is the repository's root, which is itself a newsroom; in a wheel, `newsletter/defaults/`.
    """
    packaged = Path(__file__).parent / "defaults"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent
