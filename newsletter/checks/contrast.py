"""Colours and how well one reads on another, by WCAG 2.2. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

Color = tuple[int, int, int]

LEAST = 4.5
"""WCAG 2.2, success criterion 1.4.3, for text of any size: mail programs scale text as they like."""

_NAMED: dict[str, Color] = {
    "black": (0, 0, 0), "silver": (192, 192, 192), "gray": (128, 128, 128), "grey": (128, 128, 128),
    "white": (255, 255, 255), "maroon": (128, 0, 0), "red": (255, 0, 0), "purple": (128, 0, 128),
    "fuchsia": (255, 0, 255), "green": (0, 128, 0), "lime": (0, 255, 0), "olive": (128, 128, 0),
    "yellow": (255, 255, 0), "navy": (0, 0, 128), "blue": (0, 0, 255), "teal": (0, 128, 128),
    "aqua": (0, 255, 255), "orange": (255, 165, 0), "whitesmoke": (245, 245, 245), "lightgray": (211, 211, 211),
    "lightgrey": (211, 211, 211), "darkgray": (169, 169, 169), "dimgray": (105, 105, 105), "gainsboro": (220, 220, 220),
}  # fmt: skip
_HEX = re.compile(r"#([0-9a-f]{6}|[0-9a-f]{3})(?![0-9a-f])")
_RGB = re.compile(r"rgba?\(\s*(\d{1,3})\s*[, ]\s*(\d{1,3})\s*[, ]\s*(\d{1,3})\s*(?:[,/]\s*([\d.]+)(%?)\s*)?\)")


@lru_cache(maxsize=512)
def read_color(value: str) -> Color | None:
    """The colour that a CSS value names, alone or within a shorthand; None where it names none, or a translucent one."""
    text = value.strip().lower()
    if found := _HEX.search(text):
        digits = found[1] if len(found[1]) == 6 else "".join(digit * 2 for digit in found[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    if found := _RGB.search(text):
        opaque = found[4] is None or float(found[4]) >= (100 if found[5] else 1)
        return (int(found[1]), int(found[2]), int(found[3])) if opaque else None
    return next((_NAMED[word] for word in text.split() if word in _NAMED), None)


@lru_cache(maxsize=512)
def ratio(one: Color, other: Color) -> float:
    """The contrast of two colours, from 1 to 21 (WCAG 2.2, `contrast ratio`)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def shown(color: Color) -> str:
    """The colour as `#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def _luminance(color: Color) -> float:
    red, green, blue = (_linear(part / 255) for part in color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
