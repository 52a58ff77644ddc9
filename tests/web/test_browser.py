"""Chromium against a real SMTP server and a real web server: what people see, without an error or a violation."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from newsletter.delivery.copies import Copies
from newsletter.publishing import editions, mailings
from newsletter.rehearsal.inbox import Inbox
from newsletter.rendering import Recipient
from newsletter.web.app import create_app
from newsletter.web.inbox import create_viewer
from newsletter.web.serving import Server

if TYPE_CHECKING:
    from conftest import Room

pytestmark = pytest.mark.browser

BASE = "http://localhost"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SMALLEST_TARGET = 24
"""CSS pixels: WCAG 2.2, success criterion 2.5.8; links inside a sentence are exempt."""

# The ratio of WCAG 2.2, section 1.4.3, for each visible text against the nearest painted ground.
CONTRASTS = """() => {
  const parse = (c) => (c.match(/[0-9.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !e.getClientRects().length) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) faint.push(walker.currentNode.data.trim());
  }
  return faint;
}"""


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def site(room: Room) -> Iterator[str]:
    """The newsroom's pages with the inbox below /inbox, and two messages in it: an issue and a plain one."""
    with Inbox(port=0) as inbox:
        web = create_app(room.app)
        web.mount("/inbox", create_viewer(inbox.mailbox, base_url=BASE, zone="Europe/Oslo"))
        mailing = mailings.get(room.app.store, room.mailing)
        copies = Copies.of(editions.edition_of(room.app.store, mailing.edition_digest), mailing, room.app.keys)
        reader = Recipient(
            delivery=1, address="ada@example.org", name="Ada", leave=room.leave, track=room.track, since="today"
        )
        with smtplib.SMTP(inbox.host, inbox.port, local_hostname="c.example") as client:
            client.sendmail("letter@harbour.example", ["ada@example.org"], copies.compiled.join(reader))
            client.sendmail(
                "a@harbour.example", ["bo@example.org"], b"Subject: Plain " + b"x" * 200 + b"\r\n\r\nHello\r\n"
            )
        with Server(web) as server:
            yield server.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_all_pages_are_calm_and_clear(browser: Browser, site: str, room: Room, scheme: str, width: int) -> None:
    paths = [
        "/inbox/",
        "/inbox/?q=nothing",
        "/inbox/messages/1",
        f"/inbox/messages/1?theme={scheme}&width=phone",
        *(f"/inbox/messages/1/{tab}" for tab in ("text", "source", "headers")),
        "/inbox/messages/2",
        "/",
        f"/leave/{room.leave}",
        f"/preferences/{room.leave}",
        f"/view/{room.track}",
    ]
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    complaints = listen(page)
    for path in paths:
        page.goto(site + path)
        assert complaints == [], path
        if path.startswith("/view/"):
            continue
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate(CONTRASTS) == [], path
        assert page.locator("h1").count() == 1, path
        for button in page.locator("button").all():
            box = button.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) >= SMALLEST_TARGET
    context.close()


def test_a_message_is_shown_in_its_frame_in_the_chosen_theme(browser: Browser, site: str) -> None:
    page = browser.new_page()
    complaints = listen(page)
    for theme, darkest in (("light", 255), ("dark", 60)):
        page.goto(f"{site}/inbox/messages/1?theme={theme}&width=phone")
        frame = page.frame_locator("iframe")
        assert "Should the night ferry come back?" in frame.locator("body").inner_text()
        card = frame.locator("h1").evaluate(
            "e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;"
            " if (c !== 'rgba(0, 0, 0, 0)') return c; } return 'rgb(255, 255, 255)'; }"
        )
        red = int(card.partition("(")[2].partition(",")[0])
        assert red == darkest if theme == "light" else red < darkest
    assert complaints == []
    page.close()


def test_links_and_one_click_of_a_message_work_in_new_tabs(browser: Browser, site: str, room: Room) -> None:
    context = browser.new_context()
    # The mail's links name the newsroom, which answers on the port that this test was given.
    context.route("http://localhost/**", lambda route: route.continue_(url=route.request.url.replace(BASE, site)))
    page = context.new_page()
    complaints = listen(page)
    page.goto(f"{site}/inbox/messages/1")
    with context.expect_page() as opened:
        page.frame_locator("iframe").locator(f"a[href$='/leave/{room.leave}']").click()
    assert opened.value.inner_text("h1") == "Unsubscribe?"
    assert room.statuses()[room.daily] == "subscribed"
    with context.expect_page() as opened:
        page.get_by_role("button", name="Unsubscribe with one click").click()
    assert opened.value.inner_text("h1") == "You are unsubscribed"
    assert room.statuses()[room.daily] == "unsubscribed"
    assert complaints == []
    context.close()


def test_everything_can_be_reached_with_the_keyboard(browser: Browser, site: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{site}/inbox/")
    seen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.innerText || document.activeElement.id"))
    assert "Skip to the content" in seen
    assert "Should the night ferry come back?" in seen
    page.get_by_role("link", name="Should the night ferry come back?").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/messages/1")
    page.close()


def test_leaving_and_undoing_need_no_script(browser: Browser, site: str, room: Room) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    complaints = listen(page)
    page.goto(f"{site}/leave/{room.leave}")
    page.get_by_role("button", name="Unsubscribe").click()
    assert "You are unsubscribed" in page.inner_text("h1")
    assert room.statuses()[room.daily] == "unsubscribed"
    page.get_by_role("button", name="Undo").click()
    assert "Welcome back" in page.inner_text("h1")
    page.goto(f"{site}/preferences/{room.leave}")
    page.get_by_role("button", name="Unsubscribe").first.click()
    assert "Saved. You have left" in page.inner_text("[role=status]")
    assert complaints == []
    assert context.cookies() == []
    context.close()


class _Complaints(list[str]):
    """What a page that is left stops loading by itself is nothing to complain of."""

    def append(self, complaint: str) -> None:
        if not complaint.startswith("net::ERR_ABORTED"):
            super().append(complaint)


def listen(page: Page) -> list[str]:
    """Everything that the browser complains of from now on."""
    complaints = _Complaints()

    def said(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    page.on("console", said)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"{request.failure}: {request.url}"))
    return complaints
