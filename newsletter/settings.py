"""The newsroom's settings: `newsletter.toml`, read once into one frozen object; secrets come from the environment.

An unknown key is an error that names the nearest known one. Every default is written here and nowhere else.
"""

from __future__ import annotations

import os
import tomllib
from difflib import get_close_matches
from email.utils import parseaddr
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

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
    """`[sender]`: where mail is handed over. Secrets: NEWSLETTER_SMTP_PASSWORD, or NEWSLETTER_SENDGRID_KEY."""

    kind: Literal["smtp", "sendgrid", "inbox"] = "smtp"
    """How mail is handed over: to a mail server, to SendGrid, or into a folder of this machine, where it stays."""
    folder: Line = "data/mail"
    """With `inbox`: the folder that messages are put into, a Maildir, as mail programs read it."""
    url: Url = "https://api.sendgrid.com"
    """With `sendgrid`: where its interface is; `https://api.eu.sendgrid.com` for an account in the EU region."""
    sandbox: bool = False
    """With `sendgrid`: have it check every request and mail nobody. For trying out an account."""
    events_key: Line = ""
    """With `sendgrid`: the verification key of its signed Event Webhook, which posts to `/hooks/sendgrid`."""
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


class Settings(_Table):
    """All settings of one newsroom. `root` is its folder."""

    root: Path
    newsroom: Newsroom
    brand: Brand = Brand()
    sides: dict[str, Side] = DEFAULT_SIDES
    lists: dict[str, MailingList] = {}
    sender: SenderSettings = SenderSettings()
    roundup: RoundupSettings = RoundupSettings()

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
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8 text", where=str(path), remedy="Save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"is not valid TOML: {error}", where=str(path), remedy="Mend that line") from error


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
    first = error.errors()[0]
    steps = [str(step) for step in first["loc"]]
    key = ".".join(steps)
    if first["type"] == "extra_forbidden":
        return InputError(f"unknown key {key!r}", where=str(path), remedy=nearest(steps[-1], _keys_at(steps[:-1])))
    if first["type"] == "missing":
        return InputError(f"{key!r} is missing", where=str(path), remedy="Add it")
    message = first["msg"].removeprefix("Value error, ")
    return InputError(f"{key!r}: {message}", where=place(path), remedy="Correct that value")


def _keys_at(steps: list[str]) -> list[str]:
    """The keys that the table at `steps` may hold."""
    tables: dict[str, type[BaseModel]] = {
        "newsroom": Newsroom,
        "brand": Brand,
        "sides": Side,
        "lists": MailingList,
        "sender": SenderSettings,
        "roundup": RoundupSettings,
    }
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
            raise InputError(f"the file named by {name}_FILE cannot be read: {error}", where=file) from error
    return None


def defaults() -> Path:
    """The folder with the packaged defaults: `templates/`, `outlets.toml`, `newsletter.toml`.

    In a checkout that is the repository's root, which is itself a newsroom; in a wheel, `newsletter/defaults/`.
    """
    packaged = Path(__file__).parent / "defaults"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent
