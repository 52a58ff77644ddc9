"""The newsroom's settings: `newsletter.toml`, read once into one frozen object; secrets come from the environment.

An unknown key is an error that names the nearest known one. `tables` has every key with its default and its meaning.
"""

from newsletter.settings.reading import FILE_NAME, defaults, find_newsroom, load, read_toml
from newsletter.settings.secrets import secret
from newsletter.settings.tables import (
    DATA_FOLDER,
    DEFAULT_SIDES,
    ApprovalSettings,
    Brand,
    CheckSettings,
    DomainLimits,
    MailingList,
    Newsroom,
    RampUp,
    RetentionSettings,
    RoundupSettings,
    SenderSettings,
    Settings,
    Side,
)
from newsletter.settings.values import Address, Color, Domain, Line, Table, Url, Zone, nearest

__all__ = [
    "DATA_FOLDER",
    "DEFAULT_SIDES",
    "FILE_NAME",
    "Address",
    "ApprovalSettings",
    "Brand",
    "CheckSettings",
    "Color",
    "Domain",
    "DomainLimits",
    "Line",
    "MailingList",
    "Newsroom",
    "RampUp",
    "RetentionSettings",
    "RoundupSettings",
    "SenderSettings",
    "Settings",
    "Side",
    "Table",
    "Url",
    "Zone",
    "defaults",
    "find_newsroom",
    "load",
    "nearest",
    "read_toml",
    "secret",
]
