"""A newsroom's daily newsletter, station by station: `docs/explanation/architecture.md` draws the way of an issue."""

__version__ = "0.1.0"
