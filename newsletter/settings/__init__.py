"""The newsroom's settings: `newsletter.toml`, read once into one frozen object; secrets come from the environment.

An unknown key is an error that names the nearest known one. `tables` has every key with its default and its meaning.
"""

from newsletter.settings.joining import JoiningSettings
from newsletter.settings.look import DEFAULT_SIDES, Brand, Side
from newsletter.settings.reading import FILE_NAME, defaults, find_newsroom, load, read_toml
from newsletter.settings.secrets import secret
from newsletter.settings.tables import (
    DATA_FOLDER,
    WEEKDAYS,
    AlertSettings,
    ApprovalSettings,
    BreakerSettings,
    CheckSettings,
    DomainLimits,
    MailingList,
    Newsroom,
    RampUp,
    RetentionSettings,
    RoundupSettings,
    SenderSettings,
    Settings,
)
from newsletter.settings.values import (
    Address,
    Color,
    Domain,
    Hour,
    Length,
    Line,
    Share,
    Table,
    Url,
    Zone,
    hour_of_day,
    length_of_time,
    nearest,
    share_of_all,
    written_length,
)
from newsletter.settings.web import WebSettings

__all__ = [
    "DATA_FOLDER",
    "DEFAULT_SIDES",
    "FILE_NAME",
    "WEEKDAYS",
    "Address",
    "AlertSettings",
    "ApprovalSettings",
    "Brand",
    "BreakerSettings",
    "CheckSettings",
    "Color",
    "Domain",
    "DomainLimits",
    "Hour",
    "JoiningSettings",
    "Length",
    "Line",
    "MailingList",
    "Newsroom",
    "RampUp",
    "RetentionSettings",
    "RoundupSettings",
    "SenderSettings",
    "Settings",
    "Share",
    "Side",
    "Table",
    "Url",
    "WebSettings",
    "Zone",
    "defaults",
    "find_newsroom",
    "hour_of_day",
    "length_of_time",
    "load",
    "nearest",
    "read_toml",
    "secret",
    "share_of_all",
    "written_length",
]
