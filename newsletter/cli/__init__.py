"""The command `newsletter`: words and exit codes, nothing else.

Exit codes: 0 done, 1 refused or findings that block, 2 bad usage or input, 70 a fault of the program, 130
interrupted.
Data goes to stdout, everything else to stderr.
"""

from newsletter.cli.main import main

__all__ = ["main"]
