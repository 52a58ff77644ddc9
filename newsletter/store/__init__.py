"""The database: tables, migrations, transactions, backups.

`store.open(url)` gives a `Store`, with the tables in their present form. Statements live with their stations.
"""

from newsletter.store import alert_tables as alert_tables  # the metadata is whole only with them
from newsletter.store import audience_tables as audience_tables
from newsletter.store import lineage_table as lineage_table
from newsletter.store import rolled_up_tables as rolled_up_tables
from newsletter.store.engine import Store, open  # noqa: A004 - read as `store.open(url)`
from newsletter.store.urls import sqlite_url

__all__ = ["Store", "open", "sqlite_url"]
