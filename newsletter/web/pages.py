"""What all pages share: templates (everything escaped), the style sheet, the page for what is not there."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException

from newsletter.errors import InputError
from newsletter.web.guards import page_policy, security_headers

if TYPE_CHECKING:
    from starlette.types import Scope

log = structlog.wrap_logger(structlog.PrintLogger(sys.stderr))  # stdout belongs to data
_HERE = Path(__file__).parent
_ASSETS = {"style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}
_A_YEAR = "public, max-age=31536000, immutable"
READ = ["GET", "HEAD"]
"""The methods of a page that only shows."""


def page(
    request: Request,
    template: str,
    values: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """The page that `template` makes of `values`. Links are made with `link(path)`, below where the app is mounted."""
    html = _environment().get_template(template).render(values, link=Links(request.scope), asset=_asset_path)
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
            if _asset_path(file) == f"/assets/{name}":
                return Response(_asset(file)[0], media_type=kind, headers={"Cache-Control": _A_YEAR})
        raise HTTPException(404)


def answer_faults(app: FastAPI, template: str, values: Mapping[str, Any]) -> None:
    """Make `app` answer errors with the page that `template` makes of `values` and the `status`."""

    def answer(request: Request, status: int) -> Response:
        return page(request, template, {**values, "status": status}, status=status)

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        return answer(request, error.status_code)

    @app.exception_handler(RequestValidationError)
    def senseless(request: Request, error: RequestValidationError) -> Response:
        # The framework's own answer would repeat the input.
        in_path = any(fault["loc"][0] == "path" for fault in error.errors())
        return answer(request, 404 if in_path else 400)

    @app.exception_handler(InputError)
    def not_now(request: Request, error: InputError) -> Response:
        log.error("page failed", path=request.scope["route"].path, error=str(error))
        return answer(request, 503)

    @app.exception_handler(Exception)
    def broken(request: Request, error: Exception) -> Response:
        del error  # the server logs it
        response = answer(request, 500)
        # Starlette calls this one outside all middleware.
        response.headers.update(security_headers(page_policy()))
        return response


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _asset(file: str) -> tuple[bytes, str]:
    content = (_HERE / "assets" / file).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:12]


def _asset_path(file: str) -> str:
    stem, _, suffix = file.rpartition(".")
    return f"/assets/{stem}-{_asset(file)[1]}.{suffix}"
