"""Who gets the mail: lists, subscribers, their subscriptions with the evidence of consent, and who must not be mailed.

`import_csv` and `export_csv` move people in and out, `subscribers` adds and finds one, `lists` knows and counts the
lists, `suppressions` holds whom no list may reach. Two spellings of one mailbox share a key:
`addresses.parse(text).key`.
"""

from newsletter.audience.addresses import Address, mask
from newsletter.audience.export_csv import export_csv
from newsletter.audience.import_csv import ImportResult, import_csv
from newsletter.audience.lists import MailingList
from newsletter.audience.subscribers import Subscriber, Subscription

__all__ = [
    "Address",
    "ImportResult",
    "MailingList",
    "Subscriber",
    "Subscription",
    "export_csv",
    "import_csv",
    "mask",
]
