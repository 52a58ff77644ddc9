"""Where providers post to: no pages, no cookies, no forms. Who may post is decided by signatures alone."""

from newsletter.web.hooks.sendgrid import MOST_BYTES, PATH, add_sendgrid_hook

__all__ = ["MOST_BYTES", "PATH", "add_sendgrid_hook"]
