"""The look that templates take from the newsroom: `[brand]` and `[sides]`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from newsletter.settings.values import Color, Line, Table, Url


class Brand(Table):
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


class Side(Table):
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
