"""Chromium before a preview whose files change, and the pictures that it takes through its own command line."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from newsletter.errors import InputError
from newsletter.web.preview import Watch, take_screenshots
from newsletter.web.preview.views import VIEWS

pytestmark = pytest.mark.browser

SHOWN = "2026-11-24-should-the-night-ferry-come-back"
COMMAND = Path(sys.executable).with_name("newsletter")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, preview_url: str) -> Iterator[Page]:
    """A page that asks nothing of the preview any more when that ends, and has nothing to complain of."""
    del preview_url
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    complaints: list[str] = []

    def said(message: ConsoleMessage) -> None:
        complaints.append(message.text)

    opened.on("console", said)
    yield opened
    context.close()
    assert complaints == []


def write(file: Path, text: str) -> None:
    """Replace the file whole, as good editors do."""
    fresh = file.with_name(".fresh")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(file)


def test_the_page_follows_the_files_and_a_fault_comes_and_goes(
    page: Page, preview_url: str, own_newsroom: Path
) -> None:
    page.goto(f"{preview_url}/views/phone")
    heading = page.frame_locator("iframe").get_by_role("heading", level=1)
    expect(heading).to_have_text("Should the night ferry come back?")

    decisions = own_newsroom / "issues" / SHOWN / "issue.toml"
    good = decisions.read_text(encoding="utf-8")
    write(decisions, good.replace("night ferry come back?", "day ferry go?", 1))
    expect(heading).to_have_text("Should the day ferry go?")

    write(decisions, good.replace("title =", "title", 1))
    expect(page.get_by_role("alert")).to_contain_text("issue.toml:")
    expect(page.locator("pre .here").first).to_contain_text("title")

    write(decisions, good)
    expect(heading).to_have_text("Should the night ferry come back?")
    assert page.url.endswith("/views/phone")


def test_without_scripts_the_page_loads_itself_again(browser: Browser, preview_url: str, own_newsroom: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{preview_url}/views/inbox")
    settings = own_newsroom / "newsletter.toml"
    settings.write_text(
        settings.read_text(encoding="utf-8").replace("The Harbour Letter", "The Pier"), encoding="utf-8"
    )
    expect(page.get_by_text("The Pier").first).to_be_visible(timeout=8000)
    context.close()


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
def test_every_view_fits_and_has_one_heading(browser: Browser, preview_url: str, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    for view in VIEWS:
        page.goto(f"{preview_url}/views/{view.key}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view.key
        assert page.locator("h1").count() == 1
        for target in page.locator("nav a, summary").all():
            box = target.bounding_box()
            assert box is not None
            assert box["height"] >= 24
    context.close()


def test_the_views_are_reached_by_the_keyboard(page: Page, preview_url: str) -> None:
    page.goto(preview_url)
    for _ in range(4):  # skip link, Preview, Desktop, Phone
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/views/phone")
    width = page.locator("iframe").bounding_box()
    assert width is not None
    assert round(width["width"]) == 377


@pytest.mark.usefixtures("chromium")
def test_pictures_are_taken_of_every_view_of_the_html(own_newsroom: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [COMMAND, "issue", "preview", SHOWN, "--screenshots", tmp_path / "pictures"],
        cwd=own_newsroom,
        capture_output=True,
        text=True,
        check=True,
    )
    views = [view for view in VIEWS if view.framed]
    assert [Path(line).name for line in done.stdout.splitlines()] == [f"{view.key}.png" for view in views]
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == sorted(f"{v.key}.png" for v in views)
    for view in views:
        width, height = _size(tmp_path / "pictures" / f"{view.key}.png")
        assert width == (2 * view.width if view.width < 500 else view.width)
        assert height > 2_000


def _size(picture: Path) -> tuple[int, int]:
    head = picture.read_bytes()[:24]
    assert head.startswith(b"\x89PNG\r\n")
    width, height = struct.unpack(">II", head[16:])
    return width, height


def test_without_a_browser_pictures_are_refused_and_nothing_is_written(own_newsroom: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [COMMAND, "issue", "preview", SHOWN, "--screenshots", tmp_path / "pictures"],
        cwd=own_newsroom,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": str(tmp_path)},
    )
    assert done.returncode == 2
    assert done.stderr.startswith("PATH: error: no Chromium or Chrome is installed\n")
    assert not (tmp_path / "pictures").exists()


def test_a_browser_that_fails_is_named(own_newsroom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "bin" / "chromium"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho no display >&2\nexit 1\n", encoding="utf-8")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{broken.parent}:/bin:/usr/bin")
    shown = Watch(own_newsroom, SHOWN).look().require()
    with pytest.raises(InputError, match="took no picture"):
        take_screenshots(shown, tmp_path / "pictures")
    assert list((tmp_path / "pictures").iterdir()) == []


def test_an_issue_at_fault_is_not_photographed(own_newsroom: Path, tmp_path: Path) -> None:
    (own_newsroom / "issues" / SHOWN / "issue.toml").write_text("title", encoding="utf-8")
    with pytest.raises(InputError, match=r"issue\.toml"):
        take_screenshots(Watch(own_newsroom, SHOWN).look().require(), tmp_path / "pictures")
