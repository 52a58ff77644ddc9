from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from lxml import html as lxml_html

from newsletter.errors import InputError
from newsletter.issues.model import Block, BlockKind
from newsletter.rendering import Edition, copy_template, render, template_names
from newsletter.settings import DEFAULT_SIDES, Brand, Settings

REPOSITORY = Path(__file__).parents[2]
TEMPLATES = ("daily", "brief", "letter")
NOTE = Block(kind=BlockKind.NOTE, heading="", text="We read forty columns.\n\nWrite to us.")
CORRECTION = Block(kind=BlockKind.CORRECTION, heading="", text="The vote was 7–6.")

every_template = pytest.mark.parametrize("template", TEMPLATES)


def _render(make: SimpleNamespace, template: str, *, blocks: tuple[Block, ...] = (), **brand: object) -> Edition:
    settings = make.settings().model_copy(update={"brand": Brand.model_validate(brand)})
    return render(replace(make.rich(), template=template, blocks=blocks), settings)


def _seen(html: str) -> str:
    return " ".join(str(lxml_html.fromstring(html).find("body").text_content()).split())  # type: ignore[union-attr]


def _in_order(said: str, texts: list[str]) -> None:
    position = 0
    for text in texts:
        found = said.find(" ".join(text.split()), position)
        assert found >= 0, text[:60]
        position = found


@every_template
def test_every_template_has_every_quote_in_both_parts_in_order(make: SimpleNamespace, template: str) -> None:
    edition = _render(make, template)
    wanted = [text for quote in make.rich().quotes for text in (*quote.paragraphs, quote.attribution)]
    _in_order(_seen(edition.html), wanted)
    _in_order(" ".join(edition.text.split()), wanted)
    links = [quote.link for quote in make.rich().quotes if quote.link]
    assert [href for href in lxml_html.fromstring(edition.html).xpath("//@href") if "slot" not in href] == links
    assert re.findall(r"^\[\d+\] (.*)$", edition.text, re.MULTILINE) == links


@every_template
@pytest.mark.parametrize("language", ["en", "ar"])
def test_every_template_is_made_for_screen_readers(make: SimpleNamespace, template: str, language: str) -> None:
    blocks = tuple(replace(NOTE, kind=kind) for kind in BlockKind)
    html = render(replace(make.rich(), template=template, blocks=blocks), make.settings(language=language)).html
    tree = lxml_html.fromstring(html)
    assert (tree.get("lang"), tree.get("dir")) == (language, "rtl" if language == "ar" else "ltr")
    assert len(tree.xpath("//h1")) == 1
    headings = [" ".join(one.text_content().split()) for one in tree.xpath("//h2")]
    assert {"Both sides", "From the left", "From the right", "On the bright side"} <= set(headings)
    assert all(table.get("role") == "presentation" for table in tree.xpath("//table"))
    assert not tree.xpath("//img[not(@alt)]")
    hidden = tree.xpath("//div[@class='preheader']")
    assert len(hidden) == 1
    assert "display:none" in hidden[0].get("style").replace(" ", "")


@every_template
def test_a_side_is_said_in_words_beside_its_colour(make: SimpleNamespace, template: str) -> None:
    tree = lxml_html.fromstring(_render(make, template).html)
    for number, side in enumerate(DEFAULT_SIDES.values()):
        colored = tree.xpath(f"//*[contains(concat(' ', @class, ' '), ' name-{number} ')]")
        assert {one.text_content().strip() for one in colored} <= {side.name, side.heading}
        for edge in tree.xpath(f"//*[contains(concat(' ', @class, ' '), ' edge-{number} ')]"):
            assert side.name in edge.text_content()


def test_the_letter_begins_with_the_editors_note(make: SimpleNamespace) -> None:
    edition = _render(make, "letter", blocks=(NOTE, CORRECTION))
    _in_order(
        _seen(edition.html), ["Should the night ferry", "We read forty", "Write to us.", "Correction", "“The council"]
    )
    assert "Editor’s note" not in _seen(edition.html)
    assert lxml_html.fromstring(edition.html).xpath("count(//blockquote)") == 6


def test_right_to_left_the_edges_change_sides(make: SimpleNamespace) -> None:
    issue = replace(make.rich(), template="letter")
    assert "border-left:2px" in render(issue, make.settings()).html.replace(" ", "")
    mirrored = render(issue, make.settings(language="he")).html.replace(" ", "")
    assert "border-right:2px" in mirrored
    assert "border-left:2px" not in mirrored


@every_template
def test_colours_fonts_and_foot_are_the_newsrooms(make: SimpleNamespace, template: str) -> None:
    edition = _render(
        make,
        template,
        ink="#10243a",
        ink_dark="#fefefe",
        link="#7a1f5c",
        serif="Palatino, serif",
        footer="Printed since 1901.",
    )
    assert "Palatino, serif" in edition.html
    assert {"#10243a", "#fefefe", "#7a1f5c"} <= set(re.findall(r"#[0-9a-f]{6}", edition.html))
    assert Brand().ink not in edition.html
    assert "Printed since 1901." in _seen(edition.html)
    assert "Printed since 1901." in edition.text


@every_template
def test_a_logo_stands_for_the_name_and_says_it(make: SimpleNamespace, template: str) -> None:
    light, dark = "https://img.example/light.png", "https://img.example/dark.png"
    tree = lxml_html.fromstring(_render(make, template, logo=light, logo_dark=dark, logo_width=180).html)
    images = tree.xpath("//img")
    assert [one.get("src") for one in images] == [light, dark]
    assert {one.get("alt") for one in images} == {"The Harbour Letter"}
    assert {one.get("width") for one in images} == {"180"}
    assert "display:none" in images[1].get("style").replace(" ", "")
    assert ".logo-dark { display: block !important; }" in "".join(tree.xpath("//style/text()"))
    assert not lxml_html.fromstring(_render(make, template).html).xpath("//img")


@every_template
def test_a_copy_is_whole_and_looks_the_same(make: SimpleNamespace, tmp_path: Path, template: str) -> None:
    shutil.copytree(REPOSITORY / "templates", tmp_path / "templates")
    settings = make.settings(tmp_path)
    folder = copy_template(settings, "evening", source=template)
    (folder / "shared" / "words.txt").write_text(
        (folder / "shared" / "words.txt").read_text("utf-8").replace("Read online", "Im Netz lesen"), "utf-8"
    )
    ours = render(replace(make.rich(), template="evening"), settings)
    theirs = render(replace(make.rich(), template=template), settings)
    assert "Im Netz lesen" in ours.html
    same = ours.html.replace("Im Netz lesen", "Read online").replace(ours.nonce, "")
    assert same == theirs.html.replace(theirs.nonce, "")
    shutil.rmtree(tmp_path / "templates" / "email" / "_shared")
    assert render(replace(make.rich(), template="evening"), settings).html == ours.html


def test_templates_are_named_without_what_they_share(
    make: SimpleNamespace, own_template: Callable[..., Settings]
) -> None:
    assert template_names(make.settings()) == ("brief", "daily", "letter")
    assert template_names(own_template()) == ("brief", "daily", "letter", "own")


@pytest.mark.parametrize("name", ["../evening", "", "_shared", "a/b", "x" * 65, ".evening"])
def test_a_copy_cannot_be_called_anything(make: SimpleNamespace, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"no template can be called"):
        copy_template(make.settings(tmp_path), name, source="daily")
    assert list(tmp_path.iterdir()) == []


def test_a_copy_replaces_nothing_and_leaves_nothing_behind(own_template: Callable[..., Settings]) -> None:
    settings = own_template()
    before = sorted(settings.templates.rglob("*"))
    with pytest.raises(InputError, match="there is a template of that name"):
        copy_template(settings, "own", source="daily")
    with pytest.raises(InputError, match="there is no template 'absent'"):
        copy_template(settings, "evening", source="absent")
    assert sorted(settings.templates.rglob("*")) == before


@every_template
def test_the_style_element_stays_small_enough_for_gmail(make: SimpleNamespace, template: str) -> None:
    styles = lxml_html.fromstring(_render(make, template).html).xpath("//style/text()")
    assert sum(map(len, styles)) < 15_000
    # Gmail drops a block that has an at-rule within an at-rule.
    assert not re.search(r"@[^{}]*\{[^{}]*@", re.sub(r"\{[^{}]*\}", "", "".join(styles)))
