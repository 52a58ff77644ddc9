"""Images: that they can be read out, that they keep their place while they load, that programs show them."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from newsletter.checks.page import Element
from newsletter.checks.rule import Group, Rule
from newsletter.checks.spots import Spot
from newsletter.checks.structure import WIDTH
from newsletter.checks.subject import Matter
from newsletter.findings import Finding, Severity

IMAGE_ALT = Rule(
    code="IMAGE-ALT",
    severity=Severity.ERROR,
    group=Group.IMAGES,
    title="image without a text",
    why="Many readers see no images, and some hear them: without alt there is nothing to show or to say.",
    source="https://www.w3.org/WAI/WCAG22/Understanding/non-text-content.html",
    fix='Add alt to the mj-image: what the image says, or alt="" where it only decorates and is no link',
    example='<mj-image src="https://…/logo.png" width="160px" alt="The Harbour Letter" />',
)
IMAGE_WIDTH = Rule(
    code="IMAGE-WIDTH",
    severity=Severity.WARNING,
    group=Group.IMAGES,
    title="image without a fixed width",
    why="Outlook on Windows shows an image without a width attribute at its own size, however large.",
    source="https://www.caniemail.com/features/html-width/",
    fix="Give the mj-image a width in px",
    example='<mj-image src="https://…/logo.png" width="160px" alt="The Harbour Letter" />',
)
IMAGE_WIDE = Rule(
    code="IMAGE-WIDE",
    severity=Severity.WARNING,
    group=Group.IMAGES,
    title="image wider than the e-mail",
    why=f"The e-mail is {WIDTH} px wide; a wider image tears it open in Outlook on Windows.",
    source="https://www.caniemail.com/features/css-max-width/",
    fix=f"Give the mj-image a width of at most {WIDTH}px",
)
IMAGE_SOURCE = Rule(
    code="IMAGE-SOURCE",
    severity=Severity.ERROR,
    group=Group.IMAGES,
    title="image that cannot be fetched",
    why="An image needs a whole web address: Gmail takes data: images out, and a relative address has no start.",
    source="https://www.caniemail.com/features/image-base64/",
    fix="Put the image on a web server and give its https:// address",
)
IMAGE_FORMAT = Rule(
    code="IMAGE-FORMAT",
    severity=Severity.WARNING,
    group=Group.IMAGES,
    title="image format that some programs do not show",
    why="SVG fails in Gmail; WebP and AVIF fail in Outlook on Windows.",
    source="https://www.caniemail.com/features/image-svg/",
    fix="Use PNG, JPEG or GIF",
)
RULES = (IMAGE_ALT, IMAGE_WIDTH, IMAGE_WIDE, IMAGE_SOURCE, IMAGE_FORMAT)
_FORMATS = (".svg", ".svgz", ".webp", ".avif")


def images(matter: Matter) -> Iterator[Finding]:
    """Each image by itself."""
    for image in matter.page.body.iter("img"):
        source = image.get("src") or ""
        spot = _spot(matter, source)
        name = source[:60] or "no address"
        if image.get("alt") is None or (not image.get("alt").strip() and _silent_link(image)):
            yield IMAGE_ALT.finding(f"the image {name!r} has no alt text", spot)
        yield from _width(image.get("width") or "", name, spot)
        if not source.lower().startswith(("https://", "http://")):
            yield IMAGE_SOURCE.finding(f"the image {name!r} has no web address", spot)
        elif _path(source).endswith(_FORMATS):
            yield IMAGE_FORMAT.finding(
                f"{_path(source).rpartition('.')[2].upper()} images are not shown everywhere", spot
            )


def _width(width: str, name: str, spot: Spot) -> Iterator[Finding]:
    if not width.isdecimal():
        yield IMAGE_WIDTH.finding(f"the image {name!r} has no fixed width", spot)
    elif int(width) > WIDTH:
        yield IMAGE_WIDE.finding(f"the image {name!r} is {width} px wide", spot)


def _silent_link(image: Element) -> bool:
    """Whether the image is all that a link has."""
    link = next(image.iterancestors("a"), None)
    return link is not None and not "".join(link.itertext()).strip()


def _spot(matter: Matter, source: str) -> Spot:
    return (
        matter.newsroom.in_settings(source) or matter.newsroom.in_template(source)
        if source
        else matter.newsroom.template
    )


def _path(url: str) -> str:
    try:
        return urlsplit(url).path.lower()
    except ValueError:
        return ""
