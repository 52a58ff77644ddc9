"""The doctor: looks a newsroom over before mail leaves it — settings, keys, database, clock, disk, sender, DNS — and says
for each thing that is wrong what can be done, down to the DNS record to publish. It changes nothing.
"""

from newsletter.doctor.diagnosis import Area, Diagnosis, Fine, Found, LeftOut, Record, Said
from newsletter.doctor.dns_records import records_to_publish
from newsletter.doctor.examining import examine
from newsletter.doctor.installation import Installation
from newsletter.doctor.resolving import Resolver

__all__ = [
    "Area",
    "Diagnosis",
    "Fine",
    "Found",
    "Installation",
    "LeftOut",
    "Record",
    "Resolver",
    "Said",
    "examine",
    "records_to_publish",
]
