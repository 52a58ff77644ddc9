from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, sync_playwright

from newsletter.issues.model import Block, BlockKind
from newsletter.rendering import render

pytestmark = pytest.mark.browser
CHROMIUM = Path("/usr/bin/chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]

CONTRASTS = (Path(__file__).parents[1] / "judges" / "contrasts.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.is_file():
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def page_html(make: SimpleNamespace) -> str:
    issue = make.rich()
    mixed = [make.quote(f"“{side}”", side=side) for side in ("left", "center", "libertarian", "right", "left")]
    blocks = tuple(
        Block(kind=kind, heading="", text="Said.", link="https://a.example/", link_text="More") for kind in BlockKind
    )
    alone = make.section("A libertarian’s take", make.quote("“" + "unbroken" * 30 + "”"), side="libertarian")
    sections = (*issue.sections, alone, make.section("Elsewhere", *mixed))
    return render(replace(issue, sections=sections, blocks=blocks), make.settings()).html


@pytest.mark.parametrize("width", [320, 375, 519, 520, 599, 700, 1200])
def test_nothing_scrolls_sideways_and_columns_stand_only_on_wide_screens(
    browser: Browser, page_html: str, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.set_content(page_html)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    left, right = (page.locator(f".side-{number}").first.bounding_box() for number in (0, 1))
    assert left is not None
    assert right is not None
    beside = abs(left["y"] - right["y"]) < 1
    assert beside == (width >= 520)
    assert not beside or abs(left["height"] - right["height"]) < 1
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 700])
def test_text_is_readable_in_light_and_dark(browser: Browser, page_html: str, scheme: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page.set_content(page_html)
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 50
    assert [found for found in contrasts if found[0] < 4.5] == []
    assert [found for found in contrasts if found[1] < 12] == []
    page.close()
