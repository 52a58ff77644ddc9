"""From an issue to an edition, and from an edition to each reader's message.

`render` runs the passes in `passes.PASSES`: layout, template, strict check, MJML, inlined CSS, plain text. Its edition
is frozen and known by its digest; `compile_message` encodes it once, and `Compiled.join` makes each reader's copy.
`render_notice` does the same with what readers are sent besides issues: confirmations, welcomes and their kin.
"""

from newsletter.rendering.edition import Edition
from newsletter.rendering.message import Compiled, MailingHeaders, Recipient, compile_message, fill_body
from newsletter.rendering.notice_edition import NOTICES, render_notice
from newsletter.rendering.passes import PASSES, Notice, render
from newsletter.rendering.slots import Slots
from newsletter.rendering.substitutions import Substituted, compile_substitutions
from newsletter.rendering.template_check import check_template
from newsletter.rendering.template_copy import copy_template
from newsletter.rendering.template_faults import CODES as TEMPLATE_CODES
from newsletter.rendering.template_faults import FaultyTemplateError
from newsletter.rendering.template_folder import notice_names, template_names

__all__ = [
    "NOTICES",
    "PASSES",
    "TEMPLATE_CODES",
    "Compiled",
    "Edition",
    "FaultyTemplateError",
    "MailingHeaders",
    "Notice",
    "Recipient",
    "Slots",
    "Substituted",
    "check_template",
    "compile_message",
    "compile_substitutions",
    "copy_template",
    "fill_body",
    "notice_names",
    "render",
    "render_notice",
    "template_names",
]
