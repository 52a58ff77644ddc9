"""What is wrong with an issue before anybody gets it: one engine for the command line, the studio, the API and the gate.

`gather` puts a `Subject` together (an issue, its edition, and the facts around it), `run` gives findings that point into
the editors' own files, `apply_waivers` takes away what people answer for. `RULES` explains every code there is.
"""

from newsletter.checks.fixing import FileFix, plan_fixes, write_fixes
from newsletter.checks.gathering import gather
from newsletter.checks.notices import check_notice
from newsletter.checks.recent import recent_issues
from newsletter.checks.registry import RULES, require
from newsletter.checks.rule import Group, Rule
from newsletter.checks.running import at_or_above, counted, run
from newsletter.checks.static_links import links_of
from newsletter.checks.subject import Audience, Recent, Subject
from newsletter.checks.waiving import Waived, Waiver, apply_waivers, may_waive

__all__ = [
    "RULES",
    "Audience",
    "FileFix",
    "Group",
    "Recent",
    "Rule",
    "Subject",
    "Waived",
    "Waiver",
    "apply_waivers",
    "at_or_above",
    "check_notice",
    "counted",
    "gather",
    "links_of",
    "may_waive",
    "plan_fixes",
    "recent_issues",
    "require",
    "run",
    "write_fixes",
]
