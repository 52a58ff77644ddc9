"""The issue folder: roundup files as they were pasted, and `issue.toml` with what the editors decided on them.

`compose` makes a folder (`prepare` shows beforehand what it would write), `load` joins what is in it into an `Issue`,
`decide_sides` writes decisions back; `slugs` lists the issues, `newsroom_outlets` reads the newsroom's `outlets.toml`.
"""

from newsletter.issues.composing import NewIssue, compose, prepare
from newsletter.issues.deciding import decide_sides
from newsletter.issues.folder import IssueFolder, find_issue, newsroom_outlets, slugs
from newsletter.issues.loading import load
from newsletter.issues.model import Block, BlockKind, Issue, Quote, Section

__all__ = [
    "Block",
    "BlockKind",
    "Issue",
    "IssueFolder",
    "NewIssue",
    "Quote",
    "Section",
    "compose",
    "decide_sides",
    "find_issue",
    "load",
    "newsroom_outlets",
    "prepare",
    "slugs",
]
