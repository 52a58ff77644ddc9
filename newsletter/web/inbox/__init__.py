"""The inbox in the browser: a list of what arrived, and each message as reader and receiver see it."""

from newsletter.web.inbox.viewer import create_viewer

__all__ = ["create_viewer"]
