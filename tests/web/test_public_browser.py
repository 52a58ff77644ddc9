"""The readers' pages in Chromium: a reader's whole way without JavaScript, and every page before outside judges."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from sqlalchemy import select, update

from newsletter.app import App
from newsletter.audience import subscribers
from newsletter.delivery.correspondence import Correspondence
from newsletter.rehearsal.inbox import Inbox
from newsletter.rehearsal.ports import take_port
from newsletter.store.tables import mailing, subscriber
from newsletter.tokens import Purpose
from newsletter.web.app import create_app
from newsletter.web.inbox import create_viewer
from newsletter.web.serving import Server

if TYPE_CHECKING:
    from conftest import Room

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
JUDGES = ROOT / "tests" / "judges"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]
SLUG = "2026-11-24-night-ferry"
AXE = """() => axe.run(document, {resultTypes: ["violations"]}).then(found => found.violations
  .map(one => `${one.id}: ${one.nodes.map(node => node.html).join(" | ")}`))"""


@dataclass(frozen=True, kw_only=True)
class Site:
    """The newsroom with its pages, its inbox below /inbox, and what carries its notices there."""

    url: str
    room: Room
    correspondence: Correspondence

    def token(self, purpose: Purpose) -> str:
        keys, until = self.room.app.keys, self.room.app.clock().replace(year=2027)
        return keys.fresh(purpose, self.room.reader, self.room.daily, address_key="ada@example.org", until=until)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield running
        running.close()


@pytest.fixture
def site(room: Room) -> Iterator[Site]:
    listening = take_port("127.0.0.1", 0, purpose="the pages")
    url = f"http://localhost:{listening.getsockname()[1]}"
    with Inbox(port=0) as inbox:
        known = room.app.settings
        settings = known.model_copy(
            update={
                "newsroom": known.newsroom.model_copy(update={"url": url, "from_address": "letter@harbour.example"}),
                "sender": known.sender.model_copy(update={"host": inbox.host, "port": inbox.port}),
                "lists": {**known.lists, "weekly": known.lists["weekly"].model_copy(update={"local": True})},
            }
        )
        app: App = replace(room.app, settings=settings)
        with app.store.writing() as connection:
            connection.execute(update(mailing).values(started_at=app.clock(), status="sending"))
        web = create_app(app)
        web.mount("/inbox", create_viewer(inbox.mailbox, base_url=url, zone="Europe/Oslo"))
        letters = Correspondence(
            store=app.store, keys=app.keys, settings=settings, sender=app.sender(), clock=app.clock
        )
        with Server(web, listening=listening):
            yield Site(url=url, room=replace(room, app=app), correspondence=letters)


def listen(page: Page) -> list[str]:
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def link_in_inbox(page: Page, site: Site, purpose: str) -> str:
    """The link of the newest mail, as the inbox shows it."""
    assert site.correspondence.run_once()
    page.goto(f"{site.url}/inbox/")
    page.locator(".mails .subject a").first.click()
    page.get_by_role("link", name="Text", exact=True).click()
    found = re.search(rf"{re.escape(site.url)}/{purpose}/[\w-]+", page.locator("main").inner_text())
    assert found is not None
    return found[0]


def sign_up(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_label("The Daily").check()
    page.get_by_label("Your e-mail address").fill("bo@example.org")
    page.get_by_role("button", name="Subscribe", exact=True).click()
    assert page.inner_text("h1") == "Look into your inbox"


def test_a_readers_whole_way_needs_no_script_and_no_cookie(browser: Browser, site: Site, tmp_path: Path) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    complaints = listen(page)

    def heading() -> str:
        return page.inner_text("h1")

    def press(name: str) -> None:
        page.get_by_role("button", name=name, exact=True).first.click()

    sign_up(page, site.url)
    page.goto(link_in_inbox(page, site, "confirm"))
    press("Yes, send it to me")
    assert heading() == "You are subscribed"

    page.get_by_role("link", name="Your preferences").click()
    page.get_by_label("No mail for").first.select_option("2")
    press("Pause")
    assert "pauses" in page.inner_text("[role=status]")
    assert "Paused until 8 December 2026." in page.inner_text(".lists")
    press("End the pause")
    page.get_by_label("Language of these pages").select_option("de")
    press("Save")
    assert heading() == "Ihre Einstellungen"
    page.get_by_label("Sprache dieser Seiten").select_option("en")
    press("Speichern")

    preferences = page.url.partition("?")[0]
    page.goto(preferences.replace("/preferences/", "/leave/"))
    press("Unsubscribe")
    assert heading() == "You are unsubscribed"
    page.get_by_label("It comes too often").check()
    press("Tell us")
    assert "Thank you" in page.inner_text("[role=status]")
    press("Undo")
    assert heading() == "Welcome back"

    page.goto(preferences)
    press("Mail me a link")
    page.goto(link_in_inbox(page, site, "manage"))
    with page.expect_download() as download:
        press("Download")
    saved = tmp_path / "data.json"
    download.value.save_as(saved)
    assert json.loads(saved.read_text(encoding="utf-8"))["person"]["address"] == "bo@example.org"

    page.get_by_label("Yes, erase everything").check()
    press("Erase my data")
    assert heading() == "Your data is erased"
    with site.room.app.store.reading() as connection:
        left = set(connection.execute(select(subscriber.c.address)).scalars())
    assert left == {"ada@example.org"}
    assert complaints == []
    assert context.cookies() == []
    context.close()


def test_hour_and_zone_are_chosen_where_a_list_goes_by_the_readers_clock(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(f"{site.url}/preferences/{site.room.leave}")
    page.get_by_label("Time zone").select_option(label="Vienna")
    page.get_by_label("Hour of the day").select_option("07:00")
    page.get_by_role("button", name="Save").click()
    known = subscribers.find(site.room.app.store, "ada@example.org")
    assert known is not None
    assert (known.zone, known.hour) == ("Europe/Vienna", "07:00")
    assert page.get_by_label("Time zone").input_value() == "Europe/Vienna"
    context.close()


def pages_of(site: Site) -> list[str]:
    """Every kind of page, each with what it may look like."""
    leave, track = site.room.leave, site.room.track
    return [
        "/",
        "/archive",
        "/archive?q=ferry",
        "/archive?q=zeppelin",
        f"/archive/{SLUG}",
        "/joined",
        f"/confirm/{site.token(Purpose.CONFIRM)}",
        f"/preferences/{leave}",
        f"/preferences/{leave}?done=left&chosen=daily",
        f"/leave/{leave}",
        "/manage",
        "/manage/asked",
        f"/manage/{site.token(Purpose.MANAGE)}",
        "/leave/this-is-a-test-mail-no-link-acts",
        "/nowhere",
        f"/view/{track}",
    ]


@pytest.fixture(scope="module")
def axe() -> str:
    source = JUDGES / "node_modules" / "axe-core" / "axe.min.js"
    if not source.is_file():
        pytest.skip("the judges of tests/judges are not installed: scripts/test does that (it needs the network once)")
    return source.read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    browser: Browser, site: Site, axe: str, scheme: Any, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, locale="en-GB")
    page = context.new_page()
    faults = []
    for path in pages_of(site):
        page.goto(site.url + path)
        if path.startswith("/view/"):
            # The mail itself, whose judges are in tests/judges; sandboxed, so that nothing runs in it.
            continue
        if page.evaluate("document.documentElement.scrollWidth") > width:
            faults.append(f"{path} scrolls sideways")
        page.evaluate(axe)
        faults += [f"{path} {found}" for found in page.evaluate(AXE)]
    for path, button in ((f"/leave/{site.room.leave}", "Unsubscribe"), (f"/leave/{site.room.leave}", "Undo")):
        page.goto(site.url + path)
        page.get_by_role("button", name=button, exact=True).click()
        page.evaluate(axe)
        faults += [f"{button} {found}" for found in page.evaluate(AXE)]
    assert faults == []
    context.close()


def test_text_at_twice_its_size_still_fits(browser: Browser, site: Site) -> None:
    """WCAG 2.2, success criteria 1.4.4 and 1.4.10: 200 % of a window of 1280 px is one of 640 px, with letters as large."""
    context = browser.new_context(viewport={"width": 640, "height": 400}, device_scale_factor=2, locale="de-DE")
    page = context.new_page()
    for path in pages_of(site):
        page.goto(site.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 640, path
    context.close()


def test_nothing_moves_and_nothing_comes_from_elsewhere(browser: Browser, site: Site) -> None:
    context: BrowserContext = browser.new_context(locale="en-GB")
    page = context.new_page()
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    complaints = listen(page)
    for path in pages_of(site):
        page.goto(site.url + path)
        moving = page.evaluate(
            "[...document.querySelectorAll('*')].filter(one => getComputedStyle(one).animationName !== 'none'"
            " || parseFloat(getComputedStyle(one).transitionDuration) > 0).length"
        )
        assert moving == 0, path
    assert asked == {urlsplit(site.url).netloc}
    # The page that is not there is meant to be missing.
    assert [one for one in complaints if "404" not in one] == []
    context.close()


def test_on_paper_there_is_the_issue_and_not_the_site(browser: Browser, site: Site) -> None:
    page = browser.new_page()
    page.goto(f"{site.url}/archive/{SLUG}")
    page.emulate_media(media="print")
    assert page.locator(".issue h1").is_visible()
    assert not page.locator(".head nav").is_visible()
    assert not page.locator("form").first.is_visible()
    page.close()


def test_everything_can_be_reached_with_the_keyboard(browser: Browser, site: Site) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-GB")
    page.goto(site.url)
    seen = []
    for _ in range(9):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.innerText || document.activeElement.name || ''"))
    assert seen[:3] == ["Skip to the content", "All issues", "Subscribe"]
    assert {"list", "email"} <= set(seen)
    assert "topic_url" not in seen
    page.close()


@pytest.fixture(scope="module")
def html_validate(node: Path) -> Any:
    def judge(pages: dict[str, str]) -> dict[str, list[str]]:
        ran = subprocess.run(
            [node, JUDGES / "page.mjs"],
            input=json.dumps(pages),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        found: dict[str, list[str]] = json.loads(ran.stdout)
        return found

    return judge


def test_every_page_is_valid_html_in_every_language(site: Site, html_validate: Any) -> None:
    pages = {}
    with httpx.Client(base_url=site.url) as web:
        for language in ("en", "de"):
            for path in pages_of(site):
                if not path.startswith("/view/"):
                    pages[f"{language} {path}"] = web.get(path, headers={"Accept-Language": language}).text
    found = html_validate(pages)
    assert {name: faults for name, faults in found.items() if faults} == {}
