"""What became of a mailing, as an equation: selected = prepared + excluded, and every prepared delivery has its end.

`of` reads a `Report` from the database; `as_text` writes it for people (`summary` its head, `headline` a sentence of it),
`Report.as_dict` for programs.
"""

from newsletter.reports.reading import of
from newsletter.reports.report import Report
from newsletter.reports.wording import as_text, headline, summary

__all__ = ["Report", "as_text", "headline", "of", "summary"]
