"""The preview's pages: each view of the e-mail at an address of its own, the findings beside it, reloaded as files change."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from newsletter.rehearsal.preview import framed, origin
from newsletter.settings import Settings
from newsletter.web.guards import LoopbackNames, SecurityHeaders, mail_headers, mail_policy, page_policy
from newsletter.web.pages import READ, answer_faults, page, serve_assets
from newsletter.web.preview import rail
from newsletter.web.preview.excerpt import beside, excerpt
from newsletter.web.preview.look import Look, Shown
from newsletter.web.preview.views import BY_KEY, VIEWS, View, snippet, without_styles
from newsletter.web.preview.watch import Watch
from newsletter.web.wording import readable_size, text_pieces

REFRESH_SECONDS = 2
"""How often the page loads itself where scripts are off."""

_SOURCES = {"html": "email.html", "message": "message.eml", "manifest": "manifest.json"}
_LONGEST_SOURCE = 400_000


class _Preview:
    """The pages of one issue."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def desktop(self, request: Request) -> Response:
        """The first view."""
        return self.view(request, VIEWS[0].key)

    def view(self, request: Request, key: str, part: str = "html") -> Response:
        """One view with the rail; the fault where the issue cannot be rendered."""
        view = BY_KEY.get(key)
        if view is None or part not in _SOURCES:
            raise HTTPException(404)
        look = self._watch.look()
        if look.shown is None:
            return self._page(request, look, "fault", self._fault(look))
        shown = look.shown
        values = {
            "view": view,
            "views": VIEWS,
            "shown": shown,
            "rail": rail.group_findings(shown.findings, self._watch.root),
            "rail_title": rail.count_in_words(shown.findings),
            **_of_view(view, shown, part),
        }
        return self._page(request, look, view.key if not view.framed else "frame", values)

    def frame(self, key: str) -> Response:
        """The e-mail's HTML alone, as the view wants it, in a sandbox."""
        view = BY_KEY.get(key)
        shown = self._watch.look().shown
        if view is None or not view.framed or shown is None:
            raise HTTPException(404)
        return framed_mail(view, shown)

    def version(self) -> Response:
        """The present look's version, for the page to compare with its own."""
        return PlainTextResponse(self._watch.look().version)

    def _fault(self, look: Look) -> dict[str, Any]:
        where = look.fault.where if look.fault else ""
        return {
            "fault": look.fault,
            "where": beside(where, self._watch.root),
            "excerpt": excerpt(where, self._watch.root),
        }

    def _page(self, request: Request, look: Look, name: str, values: dict[str, Any]) -> Response:
        nonce = secrets.token_urlsafe(16)
        shared = {"slug": self._watch.slug, "version": look.version, "nonce": nonce, "seconds": REFRESH_SECONDS}
        headers = {"Content-Security-Policy": page_policy(nonce=nonce)}
        return page(request, f"preview/{name}.html", shared | values, headers=headers)


def create_preview(watch: Watch) -> FastAPI:
    """The preview of the watched issue in the browser; it answers on this machine only, and changes nothing."""
    preview = _Preview(watch)
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        middleware=[Middleware(SecurityHeaders, policy=page_policy()), Middleware(LoopbackNames)],
    )
    routes: dict[str, Callable[..., Response]] = {
        "/": preview.desktop,
        "/views/{key}": preview.view,
        "/frames/{key}": preview.frame,
        "/version": preview.version,
    }
    for path, endpoint in routes.items():
        app.add_api_route(path, endpoint, methods=READ, response_model=None)
    serve_assets(app)
    answer_faults(app, "preview/missing.html", {"slug": watch.slug})
    return app


def framed_mail(view: View, shown: Shown, *, sandbox: bool = True) -> Response:
    """The e-mail's HTML for a frame, with the policy that the view asks for."""
    html = shown.html if view.styles else without_styles(shown.html)
    images = _image_sources(shown.settings) if view.images else "'none'"
    policy = mail_policy(ancestors="'self'", images=images, sandbox=sandbox)
    document = framed(html, view.theme, {}).encode("utf-8", "replace")
    return Response(document, media_type="text/html; charset=utf-8", headers=mail_headers(policy))


def _of_view(view: View, shown: Shown, part: str) -> dict[str, Any]:
    """What the view shows besides what all show."""
    size = readable_size(len(shown.files["email.html"]))
    if view.key == "text":
        return {"size": size, "pieces": text_pieces(shown.text)}
    if view.key == "inbox":
        return {"size": size, "snippet": snippet(shown.html)}
    if view.key == "source":
        source = shown.files[_SOURCES[part]].decode("utf-8", "backslashreplace")
        return {"size": size, "part": part, "source": source[:_LONGEST_SOURCE], "cut": len(source) > _LONGEST_SOURCE}
    return {"size": size}


def _image_sources(settings: Settings) -> str:
    """Where images may come from: the newsroom's own logo, and nobody else."""
    logos = (settings.brand.logo, settings.brand.logo_dark)
    return " ".join(("'self'", "data:", *sorted({origin(logo) for logo in logos if logo} - {""})))
