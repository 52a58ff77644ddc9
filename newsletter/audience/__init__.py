"""Who gets the mail: lists, subscribers, their subscriptions with the evidence of consent, and who must not be mailed.

`import_people` and `export_people` move people in and out, `subscribers` adds and finds one, `lists` knows and counts the
lists, `suppressions` holds whom no list may reach. Two spellings of one mailbox share a key:
`addresses.parse(text).key`.
"""

from newsletter.audience.addresses import Address, mask
from newsletter.audience.export_people import export_people
from newsletter.audience.import_people import ImportResult, import_people
from newsletter.audience.lists import MailingList
from newsletter.audience.subscribers import Subscriber, Subscription

__all__ = [
    "Address",
    "ImportResult",
    "MailingList",
    "Subscriber",
    "Subscription",
    "export_people",
    "import_people",
    "mask",
]
