"""The page on newsletter.toml, from the settings and the words under each of them."""

from __future__ import annotations

import ast
import inspect
from datetime import date, timedelta
from itertools import pairwise
from types import NoneType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from newsletter import settings
from newsletter.settings import (
    DEFAULT_SIDES,
    AlertSettings,
    ApprovalSettings,
    Brand,
    BreakerSettings,
    CheckSettings,
    DomainLimits,
    JoiningSettings,
    MailingList,
    Newsroom,
    RampUp,
    RetentionSettings,
    RoundupSettings,
    SenderSettings,
    Side,
    WebSettings,
    joining,
    look,
    tables,
    web,
)

HEAD = """\
# newsletter.toml

The settings of a newsroom: one file in its folder, which `newsletter init` lays down. Only the newsroom's name is
required. An unknown key or a value that cannot be is an error that names the key and what to do; nothing is guessed.
Passwords and keys never stand here: see [environment variables](environment.md).
"""
TABLES: tuple[tuple[str, type[BaseModel]], ...] = (
    ("[newsroom]", Newsroom),
    ("[brand]", Brand),
    ("[lists.NAME]", MailingList),
    ("[sender]", SenderSettings),
    ("[alerts]", AlertSettings),
    ("[breaker]", BreakerSettings),
    ("[sender.ramp_up]", RampUp),
    ('[sender.domains."DOMAIN"]', DomainLimits),
    ("[roundup]", RoundupSettings),
    ("[checks]", CheckSettings),
    ("[approval]", ApprovalSettings),
    ("[retention]", RetentionSettings),
    ("[joining]", JoiningSettings),
    ("[web]", WebSettings),
    ("[sides.KEY]", Side),
)
SIDES = """\
Naming any side replaces all of them. The order of the tables is the order in which sides are shown, and their keys are
what editors type and what stands in `issue.toml`. Without any, these are the sides:
"""
KINDS: tuple[tuple[object, str], ...] = (
    (settings.Color, "six-digit colour"),
    (settings.Zone, "time zone"),
    (settings.Address, "e-mail address"),
    (settings.Url, "web address"),
    (settings.Hour, "time of day"),
    (settings.Length, "length of time"),
    (settings.Share, "share"),
    (settings.Line, "one line of text"),
    (date, "day"),
    (RampUp | None, "table"),
    (dict[settings.Domain, DomainLimits], "table"),
)


def page() -> str:
    """The page as Markdown."""
    words = attribute_docs()
    parts = [HEAD]
    for title, table in TABLES:
        parts += [f"## {title}", _purpose(table), _keys(table, words[table.__name__])]
    rows = [f"| `{key}` | {side.name} | {side.heading} |" for key, side in DEFAULT_SIDES.items()]
    parts += [SIDES, "\n".join(["| key | name | heading |", "| --- | --- | --- |", *rows])]
    return "\n\n".join(part.strip() for part in parts)


def attribute_docs() -> dict[str, dict[str, str]]:
    """The text under each attribute of each class of the settings: {class: {attribute: text}}."""
    trees = [ast.parse(inspect.getsource(module)) for module in (tables, look, joining, web)]
    return {node.name: _texts(node.body) for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}


def _texts(body: list[ast.stmt]) -> dict[str, str]:
    found = {}
    for statement, after in pairwise(body):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            text = after.value if isinstance(after, ast.Expr) else None
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                found[statement.target.id] = " ".join(inspect.cleandoc(text.value).split())
    return found


def _purpose(table: type[BaseModel]) -> str:
    """The class's own words, without the name of the table that stands above them."""
    text = inspect.getdoc(table) or ""
    words = text.partition("`: ")[2]
    return words[:1].upper() + words[1:]


def _keys(table: type[BaseModel], words: dict[str, str]) -> str:
    hints = get_type_hints(table, include_extras=True)
    rows = [
        f"| `{name}` | {_kind(hints[name])} | {_default(field, hints[name])} | {words[name]} |"
        for name, field in table.model_fields.items()
    ]
    return "\n".join(["| key | value | default | meaning |", "| --- | --- | --- | --- |", *rows])


def _kind(hint: Any) -> str:
    """What may stand there, in words."""
    if hint is bool:
        return "`true` or `false`"
    if get_origin(hint) is tuple:
        return "list of dates" if get_args(hint)[0] is date else "list of texts"
    for known, words in KINDS:
        if hint == known or known in get_args(hint):
            return words
    if get_origin(hint) is Literal:
        return " or ".join(f'`"{value}"`' for value in get_args(hint))
    base, *extras = get_args(_present(hint))
    return f"{'number' if base in {int, float} else 'text'}{_limits(extras)}"


def _present(hint: Any) -> Any:
    """What stands there where it is not left out."""
    return next(each for each in get_args(hint) if each is not NoneType) if get_origin(hint) is Union else hint


def _limits(extras: list[Any]) -> str:
    said = []
    for limit in (limit for extra in extras for limit in getattr(extra, "metadata", ())):
        match limit:
            case Ge(ge=least):
                said.append(f"from {least}")
            case Gt(gt=above):
                said.append(f"above {above}")
            case Le(le=most):
                said.append(f"to {most}")
    return f" {' '.join(said)}" if said else ""


def _default(field: FieldInfo, hint: Any) -> str:
    value = field.default
    if value is None or field.default_factory is not None:
        return ""
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, timedelta):
        return f'`"{settings.written_length(value)}"`'
    if hint == settings.Share and not value:
        return '`"none"`'
    if isinstance(value, bool | tuple):
        return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{list(value)}`"
    return f"`{value:g}`" if isinstance(value, float) else f'`"{value}"`' if isinstance(value, str) else f"`{value}`"
