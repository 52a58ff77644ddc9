"""From an edition to a mailing: the gate that lets it through, and the mailing that carries it to one list.

`gate` says what stands in the way, `Mailing` what may become of a mailing, `mailings` keeps mailings and editions.
"""

from newsletter.publishing.mailing import Mailing

__all__ = ["Mailing"]
