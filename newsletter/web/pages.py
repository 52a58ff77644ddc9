"""What all pages share: templates (everything escaped) in the reader's language, assets, the page for what is not there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException

from newsletter.errors import InputError
from newsletter.web.guards import page_policy, security_headers
from newsletter.web.requests import log_fault, request_id
from newsletter.web.translating import ENGLISH, Tongue, catalogue

if TYPE_CHECKING:
    from starlette.types import Scope

_HERE = Path(__file__).parent
_ASSETS = {
    "style.css": "text/css; charset=utf-8",
    "public.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_A_YEAR = "public, max-age=31536000, immutable"
RETRY_AFTER = "5"
"""Seconds. No transaction of ours holds the right to write for longer than a tenth of that."""
Answer = Callable[..., Response]
"""Makes the page of a fault, of the request and the status."""

READ = ["GET", "HEAD"]
"""The methods of a page that only shows."""


def page(
    request: Request,
    template: str,
    values: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    tongue: Tongue = ENGLISH,
) -> HTMLResponse:
    """The page that `template` makes of `values`, in the language of `tongue`.

    Links are made with `link(path)`, below where the app is mounted.
    """
    made = _environment(tongue.language).get_template(template)
    html = made.render(values, tongue=tongue, link=Links(request.scope), asset=asset_path)
    return HTMLResponse(html, status_code=status, headers=dict(headers or {}))


class Links:
    """Makes paths of the application that serves the request, wherever it is mounted."""

    def __init__(self, scope: Scope) -> None:
        self._root = str(scope.get("root_path", "")).rstrip("/")

    def __call__(self, path: str) -> str:
        """`path` (which begins with a slash) as a browser on the same server asks for it."""
        return self._root + path


def serve_assets(app: FastAPI) -> None:
    """Add the style sheet and the icon to `app`, under names that change with their content."""

    @app.api_route("/assets/{name}", methods=READ)
    def asset(name: str) -> Response:
        for file, kind in _ASSETS.items():
            if asset_path(file) == f"/assets/{name}":
                return Response(_asset(file)[0], media_type=kind, headers={"Cache-Control": _A_YEAR})
        raise HTTPException(404)


def answer_faults(
    app: FastAPI,
    template: str,
    values: Mapping[str, Any],
    *,
    tongue: Callable[[Request], Tongue] = lambda _: ENGLISH,
) -> Answer:
    """Make `app` answer errors with the page that `template` makes of `values` and the `status`; what makes that page.

    `tongue` says how to speak to who asked.
    """

    def answer(request: Request, status: int, headers: Mapping[str, str] | None = None) -> Response:
        shown = {**values, "status": status, "request_id": request_id(request.scope)}
        return page(request, template, shown, status=status, headers=headers, tongue=tongue(request))

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        return answer(request, error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    def senseless(request: Request, error: RequestValidationError) -> Response:
        # The framework's own answer would repeat the input.
        in_path = any(fault["loc"][0] == "path" for fault in error.errors())
        return answer(request, 404 if in_path else 400)

    @app.exception_handler(InputError)
    def not_now(request: Request, error: InputError) -> Response:
        log_fault("page.failed", request.scope, error=str(error))
        # Whatever is the matter, it is the database's, and most often another writer: nobody waits in a thread for it.
        return answer(request, 503, {"Retry-After": RETRY_AFTER})

    @app.exception_handler(Exception)
    def broken(request: Request, error: Exception) -> Response:
        del error  # the server logs it
        response = answer(request, 500)
        # Starlette calls this one outside all middleware.
        response.headers.update(security_headers(page_policy()))
        return response

    return answer


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_translations(catalogue(language), newstyle=True)  # type: ignore[attr-defined]
    return environment


@cache
def _asset(file: str) -> tuple[bytes, str]:
    content = (_HERE / "assets" / file).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:12]


def asset_path(file: str) -> str:
    """Where an asset is served, under a name that changes with its content."""
    stem, _, suffix = file.rpartition(".")
    return f"/assets/{stem}-{_asset(file)[1]}.{suffix}"
