"""The pages that readers meet: no scripts, no cookies, nothing from elsewhere, and a GET never changes anything."""

from newsletter.web.public.pages import add_public_pages

__all__ = ["add_public_pages"]
