"""The pages that readers meet: no scripts, no cookies, nothing from elsewhere, and a GET never changes anything."""

from newsletter.web.public.pages import add_public_pages
from newsletter.web.public.site import Site

__all__ = ["Site", "add_public_pages"]
