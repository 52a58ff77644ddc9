"""Every template in Chromium, light and dark, on phones and desks: axe-core, contrast, scrolling, requests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

pytestmark = pytest.mark.browser

HERE = Path(__file__).parent
WIDTHS = (320, 375, 600, 1200)
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]
CONTRASTS = (HERE / "contrasts.js").read_text(encoding="utf-8")
# An e-mail is shown within the page of a mail program, which has the landmarks.
AXE = """() => axe.run(document, {resultTypes: ["violations"]}).then(found => found.violations
  .filter(one => ["serious", "critical"].includes(one.impact) && !/^(region|landmark)/.test(one.id))
  .map(one => `${one.id}: ${one.nodes[0].html}`))"""


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page()
    opened.asked = []  # type: ignore[attr-defined]

    def refuse(route: Route) -> None:
        opened.asked.append(route.request.url)  # type: ignore[attr-defined]
        route.abort()

    opened.route("**/*", refuse)
    yield opened
    opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("template", ["daily", "brief", "letter", "notice"])
def test_the_e_mail_is_accessible_and_keeps_within_the_screen(
    page: Page, judges: Path, judged: dict[str, Any], template: str, scheme: Any
) -> None:
    axe = (judges / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    page.emulate_media(color_scheme=scheme)
    faults = []
    for one in (one for one in judged.values() if one.template == template):
        page.set_content(one.html)
        page.evaluate(axe)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            where = f"{one.name}, {width} px: "
            if page.evaluate("document.documentElement.scrollWidth") > width:
                faults.append(where + "scrolls sideways")
            contrasts = page.evaluate(CONTRASTS)
            assert len(contrasts) > (5 if template == "notice" else 20)
            faults += [f"{where}contrast {found}" for found in contrasts if found[0] < 4.5 or found[1] < 12]
            faults += [where + found for found in page.evaluate(AXE)]
    assert faults == []
    assert page.asked == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("template", ["daily", "brief", "letter", "notice"])
def test_without_the_style_element_everything_still_fits(page: Page, judged: dict[str, Any], template: str) -> None:
    """As the Gmail apps show it to accounts of other providers."""
    for one in (one for one in judged.values() if one.template == template):
        page.set_content(re.sub(r"<style.*?</style>", "", one.html, flags=re.DOTALL))
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (one.name, width)
            assert [found for found in page.evaluate(CONTRASTS) if found[0] < 4.5] == []
    assert page.asked == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("template", ["daily", "brief", "letter"])
def test_without_any_style_the_structure_says_it(page: Page, judged: dict[str, Any], template: str) -> None:
    for one in (one for one in judged.values() if one.template == template):
        bare = re.sub(r'<style.*?</style>|\s(?:style|class|width|bgcolor|align)="[^"]*"', "", one.html, flags=re.DOTALL)
        page.set_content(bare)
        page.set_viewport_size({"width": 320, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, one.name
        assert page.locator("h1").count() == 1
        assert page.locator("h2").count() >= 2
        order = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(one => +one.tagName[1])")
        assert order[0] == 1
        assert set(order[1:]) == {2}
