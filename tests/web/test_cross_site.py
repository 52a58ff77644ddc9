from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from newsletter.web.cross_site import CrossSite


async def _ask(method: str, path: str, headers: dict[str, str]) -> int:
    app = FastAPI()

    @app.api_route("/{path:path}", methods=["GET", "POST"])
    def anything(path: str) -> str:
        return path

    app.add_middleware(CrossSite, origins=["https://letters.example"], exempt=["/leave/", "/hooks/sendgrid"])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inner:8025") as client:
        return (await client.request(method, path, headers=headers)).status_code


def ask(method: str, path: str, **headers: str) -> int:
    import asyncio  # noqa: PLC0415

    return asyncio.run(_ask(method, path, {name.replace("_", "-"): value for name, value in headers.items()}))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),  # no browser
        ({"sec_fetch_site": "same-origin"}, 200),
        ({"sec_fetch_site": "none"}, 200),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "nonsense"}, 403),
        ({"sec_fetch_site": "cross-site", "origin": "http://inner:8025"}, 403),
        ({"sec_fetch_site": "same-origin", "origin": "null"}, 200),
        ({"origin": "http://inner:8025"}, 200),
        ({"origin": "https://letters.example"}, 200),
        ({"origin": "https://LETTERS.example"}, 200),
        ({"origin": "http://letters.example"}, 403),
        ({"origin": "https://letters.example.evil.example"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "http://inner:8026"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"origin": "http://[::"}, 403),
    ],
)
def test_what_another_site_makes_a_browser_send_is_refused(headers: dict[str, str], status: int) -> None:
    assert ask("POST", "/join", **headers) == status
    assert ask("GET", "/join", **headers) == 200


def test_providers_post_from_wherever_they_are() -> None:
    for path in ("/leave/TOKEN", "/hooks/sendgrid"):
        assert ask("POST", path, sec_fetch_site="cross-site", origin="https://mail.example") == 200


def test_only_the_path_itself_is_exempt() -> None:
    for path in ("/leave/TOKEN/undo", "/leaver", "/hooks/sendgrid/more"):
        assert ask("POST", path, sec_fetch_site="cross-site") == 403
