"""Findings written down: for people with the line they stand on, for GitHub's annotations, as SARIF. Pure."""

from newsletter.checks.formats.answer import Answer
from newsletter.checks.formats.excerpt import excerpt
from newsletter.checks.formats.github import workflow_commands
from newsletter.checks.formats.sarif import sarif_log

__all__ = ["Answer", "excerpt", "sarif_log", "workflow_commands"]
