"""Whether an attribute's value is one: by the type that MJML gives the attribute, and stricter where clients are."""

from __future__ import annotations

import re
from functools import lru_cache

_COLOR = re.compile(r"#[0-9a-fA-F]{6}|transparent")
_NUMBER = r"\d+(?:\.\d+)?"
_TYPE = re.compile(r"(?P<name>[A-Za-z]+)(?:\((?P<options>[^)]*)\))?(?:\{(?P<least>\d),(?P<most>\d)\})?")
_BORDER_NAMES = re.compile(r"(?:inner-)?border(?:-top|-right|-bottom|-left)?|tb-border")
_BORDER = re.compile(
    rf"none|0|0px|(?P<width>{_NUMBER}px)\s+"
    r"(?P<style>solid|dashed|dotted|double|groove|ridge|inset|outset)\s+(?P<color>\S+)"
)
_BORDER_STYLES = frozenset({"none", "solid", "dashed", "dotted", "double", "groove", "ridge", "inset", "outset"})
_WORDS = {
    "border-style": _BORDER_STYLES,
    "font-style": frozenset({"normal", "italic", "oblique"}),
    "font-weight": frozenset({"normal", "bold", *(str(weight) for weight in range(100, 1000, 100))}),
    "text-decoration": frozenset({"none", "underline", "overline", "line-through"}),
    "text-transform": frozenset({"none", "capitalize", "uppercase", "lowercase"}),
}
URLS = frozenset(
    {"href", "src", "background-url", "thumbnails-src", "icon-wrapped-url", "icon-unwrapped-url", "base-url"}
)
"""Attributes that hold an address."""
_URL = re.compile(r"https?://[^\s\"'<>\\]+|mailto:[^\s\"'<>\\]+@[^\s\"'<>\\]+|tel:\+?[0-9-]+")


@lru_cache(maxsize=4096)
def fault_of(name: str, value: str, kind: str) -> tuple[str, str] | None:
    """The code and the words of what is wrong with a value, as in `'#fff' is no colour …`; None where nothing is.

    Args:
        name: the attribute.
        value: what it is set to.
        kind: the attribute's type as the reference writes it.
    """
    if name in URLS:
        return None if is_url(value) else ("TEMPLATE-URL", f"{value!r} is no full address (https://…)")
    if _BORDER_NAMES.fullmatch(name):
        return _border(value)
    if name in _WORDS:
        return None if value in _WORDS[name] else _no_word(value, sorted(_WORDS[name]))
    return _typed(value, kind)


def is_url(value: str) -> bool:
    """Whether this is an address that means the same in every mail program."""
    return bool(_URL.fullmatch(value))


def is_color(value: str) -> bool:
    """Whether every mail program reads this as a colour."""
    return bool(_COLOR.fullmatch(value))


def _typed(value: str, kind: str) -> tuple[str, str] | None:
    found = _TYPE.match(kind)
    name = found["name"] if found else "string"
    options = (found["options"] or "").split(",") if found else []
    if name == "color" and not is_color(value):
        return "TEMPLATE-COLOR", f"{value!r} is no colour of six hexadecimal digits"
    if name == "boolean" and value not in {"true", "false"}:
        return _no_word(value, ["true", "false"])
    if name == "integer" and not (value.isascii() and value.isdigit()):
        return "TEMPLATE-VALUE", f"{value!r} is no whole number"
    if name == "enum" and value not in options:
        return _no_word(value, [option for option in options if option])
    if name.startswith("unit") and found:
        most = int(found["most"] or 1)
        parts = value.split()
        if not (1 <= len(parts) <= most and all(_measured(part, options, name) for part in parts)):
            units = ", ".join(option for option in options if option)
            times = f", up to {most} of them" if most > 1 else ""
            return "TEMPLATE-MEASURE", f"{value!r} is no measure ({units}{times})"
    return None


def _measured(part: str, units: list[str], name: str) -> bool:
    if part == "0" or (part == "auto" and "auto" in units):
        return True
    sign = "-?" if name == "unitWithNegative" else ""
    return any(re.fullmatch(sign + _NUMBER + re.escape(unit), part) for unit in units if unit != "auto")


def _border(value: str) -> tuple[str, str] | None:
    found = _BORDER.fullmatch(value.strip())
    if found is None:
        return "TEMPLATE-VALUE", f"{value!r} is no border, such as '1px solid #d9d4cb'"
    if found["color"] and not is_color(found["color"]):
        return "TEMPLATE-COLOR", f"{found['color']!r} is no colour of six hexadecimal digits"
    return None


def _no_word(value: str, words: list[str]) -> tuple[str, str]:
    return "TEMPLATE-VALUE", f"{value!r} is none of {', '.join(words)}"
