"""The preview: an issue's e-mail as its readers will see it, rendered anew with each change of a file."""

from newsletter.web.preview.screenshots import take_screenshots
from newsletter.web.preview.viewer import create_preview
from newsletter.web.preview.watch import Watch

__all__ = ["Watch", "create_preview", "take_screenshots"]
