"""From an edition to a mailing: who signs it off, the gate that lets it through, the mailing that carries it to a list.

`examining` says how an edition stands, `approvals`, `waivers` and `testing` record what `users` do about it, `gate` says
what stands in the way, `Mailing` what may become of a mailing, `mailings` and `editions` keep what was made and frozen.
"""

from newsletter.publishing.mailing import Mailing

__all__ = ["Mailing"]
