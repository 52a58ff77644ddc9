"""A program that follows every link of every mail and page, as mailbox providers' scanners do, changes nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import httpx
from lxml import html as lxml_html
from sqlalchemy import update

from newsletter.delivery.copies import Copies
from newsletter.publishing import editions, mailings
from newsletter.rehearsal.reading import read
from newsletter.rendering import Recipient
from newsletter.store.tables import mailing

if TYPE_CHECKING:
    from conftest import Room

BASE = "http://localhost"
_URL = re.compile(r"https?://[^\s<>\"']+")


def links_of(url: str, content: str) -> set[str]:
    """Whatever looks like a link, in attributes of any name, in forms of any method, and in the text."""
    found = set(_URL.findall(content))
    document = lxml_html.fromstring(content) if content.strip().startswith("<") else None
    if document is not None:
        for name in ("href", "src", "action", "formaction", "content"):
            found |= {urljoin(url, value) for value in document.xpath(f"//@{name}") if "/" in value}
    return {link.rstrip(".,)") for link in found}


def mails_of(room: Room, web: httpx.Client) -> list[str]:
    """An issue, a confirmation and a link to one's own data, as they arrive."""
    sent = mailings.get(room.app.store, room.mailing)
    copies = Copies.of(editions.edition_of(room.app.store, sent.edition_digest), sent, room.app.keys)
    reader = Recipient(
        delivery=1, address="ada@example.org", name="Ada", leave=room.leave, track=room.track, since=sent.local_date
    )
    raw = copies.compiled.join(reader)
    seen = read(raw)
    headers = " ".join(value for _, value in seen.headers)
    web.post("/join", data={"email": "bo@example.org", "list": "daily"})
    web.post("/manage", data={"email": "ada@example.org"})
    confirm, manage = room.post_of_the_day()
    web.post(f"/manage/{manage.fresh}/address", data={"email": "ada@new.example.org"})
    (address,) = room.post_of_the_day()
    fresh = [f"{BASE}/confirm/{confirm.fresh}", f"{BASE}/manage/{manage.fresh}", f"{BASE}/address/{address.fresh}"]
    return [seen.html or "", seen.text or "", headers, "\n".join(fresh)]


def test_following_every_link_changes_nothing(room: Room, web: httpx.Client) -> None:
    with room.app.store.writing() as connection:
        connection.execute(update(mailing).values(started_at=room.app.clock(), status="sending"))
    waiting = {link for content in mails_of(room, web) for link in links_of(BASE, content)}
    before = room.dump()
    seen: set[str] = set()
    kinds: set[str] = set()
    while waiting:
        url = waiting.pop()
        seen.add(url)
        if urlsplit(url).netloc != "localhost":
            continue
        for method in ("HEAD", "GET"):
            answer = web.request(method, url)
            assert answer.status_code in {200, 303, 404, 405}, url
        if answer.status_code == 200 and "html" in answer.headers["content-type"]:
            kinds.add(urlsplit(url).path.split("/")[1])
            waiting |= links_of(url, answer.text) - seen
    assert kinds >= {"", "archive", "leave", "preferences", "view", "confirm", "manage", "address"}
    assert len(seen) > 20
    assert room.dump() == before
