"""Who may read a file."""

from __future__ import annotations

import stat
from pathlib import Path


def others_reach(path: Path, mode: int) -> str:
    """Who besides the owner may read the file and go through its folder: `everybody`, `its group`, or ""."""
    folder = path.parent.stat().st_mode
    for who, read, through in (("everybody", stat.S_IROTH, stat.S_IXOTH), ("its group", stat.S_IRGRP, stat.S_IXGRP)):
        if mode & read and folder & through:
            return who
    return ""
