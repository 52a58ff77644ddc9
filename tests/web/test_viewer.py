from __future__ import annotations

import re
from email.message import EmailMessage
from typing import TYPE_CHECKING

import httpx
import pytest
from fastapi import FastAPI

from newsletter.rehearsal.mailbox import PAGE, Mailbox
from newsletter.web.serving import Server

if TYPE_CHECKING:
    from conftest import Receive

EVIL = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def mail(
    subject: str = "Tides", html: str | None = None, text: str | None = "High at nine.\n", **headers: str
) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Desk <desk@harbour.example>", "ada@example.org", subject
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    if text is not None:
        message.set_content(text)
    if html is not None:
        (message.add_alternative if text is not None else message.set_content)(html, subtype="html")
    return message.as_bytes()


def test_the_list_shows_who_what_when_and_how_large(viewer: httpx.Client, receive: Receive) -> None:
    raw = mail()
    number = receive(raw)
    page = viewer.get("/").text
    assert "<h1>1 message</h1>" in page
    for shown in ("Desk", "ada@example.org", "Tides", "12:00:00", f"{len(raw)} bytes", f"/messages/{number}"):
        assert shown in page


def test_an_empty_inbox_says_what_will_happen(viewer: httpx.Client) -> None:
    page = viewer.get("/").text
    assert "No mail yet" in page
    assert "newsletter send" in page


def test_the_list_has_pages_and_search(viewer: httpx.Client, receive: Receive) -> None:
    for number in range(PAGE + 1):
        receive(mail(f"Issue {number}"))
    first = viewer.get("/").text
    assert first.count("<li>") == PAGE
    assert f"1–{PAGE} of {PAGE + 1}" in first
    assert 'href="?page=2"' in first
    second = viewer.get("/?page=2").text
    assert second.count("<li>") == 1
    assert 'href="?"' in second
    found = viewer.get("/", params={"q": "issue 20"}).text
    assert f"1 of {PAGE + 1} messages" in found
    assert "Nothing matches" in viewer.get("/", params={"q": EVIL}).text


def test_only_the_watched_list_loads_itself_again(viewer: httpx.Client, receive: Receive) -> None:
    number = receive(mail(html="<p>x"))
    assert 'http-equiv="refresh"' in viewer.get("/?live=1").text
    for path in ("/", f"/messages/{number}", f"/messages/{number}/text", f"/messages/{number}/source"):
        assert 'http-equiv="refresh"' not in viewer.get(path).text


def test_a_message_shows_its_html_in_a_frame_of_its_own(viewer: httpx.Client, receive: Receive) -> None:
    number = receive(mail(html="<p>Tide <a href='https://a.example/'>table</a>"))
    page = viewer.get(f"/messages/{number}", params={"width": "phone", "theme": "dark"}).text
    assert 'class="frame phone dark"' in page
    assert f'src="/messages/{number}/html?theme=dark"' in page
    frame = viewer.get(f"/messages/{number}/html", params={"theme": "dark"})
    assert '<base target="_blank">' in frame.text
    policy = frame.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none';")
    assert "img-src 'self' data:" in policy
    assert "script" not in policy


def test_a_message_without_html_shows_its_text_with_live_links(viewer: httpx.Client, receive: Receive) -> None:
    number = receive(mail(text="See https://a.example/?x=1&y=2, and <b>.\n"))
    page = viewer.get(f"/messages/{number}").text
    link = '<a href="https://a.example/?x=1&amp;y=2" target="_blank" rel="noopener noreferrer">'
    assert link in page
    assert "&lt;b&gt;" in page
    assert "iframe" not in page
    assert viewer.get(f"/messages/{number}/html").status_code == 404


def test_source_headers_and_file_hold_the_message_as_it_came(viewer: httpx.Client, receive: Receive) -> None:
    raw = mail("Grüße") + b"\xff<b>"
    number = receive(raw)
    assert "\\xff&lt;b&gt;" in viewer.get(f"/messages/{number}/source").text
    assert "<bdi>Grüße</bdi></td>" in viewer.get(f"/messages/{number}/headers").text
    file = viewer.get(f"/messages/{number}/eml")
    assert file.content == raw
    assert file.headers["content-disposition"] == f"attachment; filename*=UTF-8''message-{number}.eml"


def test_nothing_in_a_message_becomes_markup(viewer: httpx.Client, mailbox: Mailbox, receive: Receive) -> None:
    number = receive(mail(EVIL, text=EVIL, X_Evil=EVIL, Reply_To=EVIL))
    for path in ("/", "", "/text", "/source", "/headers"):
        page = viewer.get(path if path == "/" else f"/messages/{number}{path}").text
        assert "<script" not in page
        assert "<img" not in page
    assert mailbox.count() == 1


def test_images_of_the_message_are_shown_and_other_parts_saved(viewer: httpx.Client, receive: Receive) -> None:
    message = EmailMessage()
    message["Subject"] = "Parts"
    message.set_content("<img src='cid:i@h'><img src='cid:s@h'>", subtype="html")
    message.add_related(PNG, "image", "png", cid="<i@h>")
    message.add_related(b"<svg onload=alert(1)>", "image", "svg+xml", cid="<s@h>", filename='a"\u00fc;b.svg')
    number = receive(message.as_bytes())
    html = viewer.get(f"/messages/{number}/html").text
    assert f"src='/messages/{number}/parts/1'" in html
    assert "src='cid:s@h'" in html
    image = viewer.get(f"/messages/{number}/parts/1")
    assert (image.content, image.headers["content-type"]) == (PNG, "image/png")
    assert "sandbox" in image.headers["content-security-policy"]
    drawing = viewer.get(f"/messages/{number}/parts/2")
    assert drawing.headers["content-type"] == "application/octet-stream"
    assert drawing.headers["content-disposition"] == "attachment; filename*=UTF-8''a%22%C3%BC%3Bb.svg"
    assert "a&#34;ü;b.svg" in viewer.get(f"/messages/{number}").text
    assert viewer.get(f"/messages/{number}/parts/9").status_code == 404


def test_one_click_posts_only_to_the_newsroom(viewer: httpx.Client, receive: Receive) -> None:
    post = {"List_Unsubscribe_Post": "List-Unsubscribe=One-Click"}
    ours = receive(mail(List_Unsubscribe="<http://localhost/leave/abc>", **post))
    page = viewer.get(f"/messages/{ours}").text
    assert '<form method="post" action="http://localhost/leave/abc" target="_blank"' in page
    assert '<input type="hidden" name="List-Unsubscribe" value="One-Click">' in page
    theirs = receive(mail(List_Unsubscribe="<http://evil.example/leave/abc>", **post))
    page = viewer.get(f"/messages/{theirs}").text
    assert 'method="post"' not in page
    assert "not one of this newsroom" in page


@pytest.mark.parametrize(
    "path", ["/messages/999", "/messages/0", "/messages/-1", "/messages/x", f"/messages/{'9' * 40}"]
)
def test_what_is_not_there_is_a_page_that_leads_back(viewer: httpx.Client, path: str) -> None:
    answer = viewer.get(path)
    assert answer.status_code == 404
    assert 'href="/"' in answer.text


@pytest.mark.parametrize(("path", "method"), [("/?page=x", "GET"), ("/?q=" + "x" * 300, "GET"), ("/", "POST")])
def test_what_makes_no_sense_is_refused_without_repeating_it(viewer: httpx.Client, path: str, method: str) -> None:
    answer = viewer.request(method, path)
    assert answer.status_code in {400, 405}
    assert "text/html" in answer.headers["content-type"]
    assert "xxx" not in answer.text


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "0.0.0.0"])  # noqa: S104
def test_names_of_other_machines_get_no_answer(viewer: httpx.Client, host: str) -> None:
    assert viewer.get("/", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8025", "127.0.0.1:1", "[::1]:8025", "[::1]"])
def test_names_of_this_machine_are_answered(viewer: httpx.Client, host: str) -> None:
    assert viewer.get("/", headers={"host": host}).status_code == 200


def test_every_page_forbids_scripts_and_sets_no_cookie(viewer: httpx.Client, receive: Receive) -> None:
    number = receive(mail(html="<p>x"))
    for path in ("/", f"/messages/{number}", f"/messages/{number}/html", f"/messages/{number}/eml", "/nope"):
        headers = viewer.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "set-cookie" not in headers
        assert (
            "unsafe-inline" not in headers["content-security-policy"] or "sandbox" in headers["content-security-policy"]
        )


def test_mounted_into_another_application_every_link_stays_inside(viewer_app: FastAPI, receive: Receive) -> None:
    number = receive(mail(html="<p>x"))
    parent = FastAPI()
    parent.mount("/inbox", viewer_app)
    with Server(parent) as server, httpx.Client(base_url=server.url, follow_redirects=True) as client:
        for path in ("/inbox", "/inbox/", f"/inbox/messages/{number}", "/inbox/nope"):
            links = re.findall(r'(?:href|src|action)="([^"]*)"', client.get(path).text)
            assert links
            assert all(link.startswith(("/inbox/", "?", "#")) for link in links), links
            assert {client.get(link).status_code for link in links if link.startswith("/inbox/")} == {200}


HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "only text": b"just text",
    "binary": bytes(range(256)) * 20,
    "broken mime": (b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: text/html\r\n\r\n<p>"),
    "huge headers": b"X: " + b"y" * 500_000 + b"\r\nSubject: " + b"=?utf-8?q?x" * 9000 + b"\r\n\r\nx",
    "bad charset": b"Content-Type: text/html; charset=x-nope\r\n\r\n<p>gr\xfcn",
    "surrogates": b"Content-Type: text/html; charset=utf-7\r\n\r\n+2AA-",
    "nested": b"Content-Type: message/rfc822\r\n\r\n" * 300,
    "right to left": "Subject: \u202eevil\u2066\r\nFrom: \u202e<a@b.example>\r\n\r\n\u202ex".encode(),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_message_breaks_a_page(viewer: httpx.Client, receive: Receive, name: str) -> None:
    number = receive(HOSTILE[name])
    for path in ("", "/text", "/source", "/headers", "/eml"):
        assert viewer.get(f"/messages/{number}{path}").status_code == 200
    assert viewer.get("/").status_code == 200
    assert viewer.get(f"/messages/{number}/html").status_code in {200, 404}
