"""What stands in a reader's links: words that name a subscriber and a mailing or a list to us, and nothing to anybody else.

Three kinds, none of which opens what another does: *track* (links and the pixel) and *leave* (unsubscribing,
preferences) have 32 characters and no end, because they stand in mail that is years old; *fresh* ones have 48, are
mailed on request, end, and are bound to the address they were mailed to. `keys` has them all, `seals` and `fresh` say how
they are made, `keeping` where the newsroom's keys are.
"""

from newsletter.tokens.errors import ExpiredTokenError, TokenError
from newsletter.tokens.fresh import FRESH_LENGTH, Fresh, Purpose
from newsletter.tokens.keeping import SECRET_NAME, load_keys
from newsletter.tokens.keys import INERT, USER_TOKEN, TokenKeys
from newsletter.tokens.seals import LENGTH

__all__ = [
    "FRESH_LENGTH",
    "INERT",
    "LENGTH",
    "SECRET_NAME",
    "USER_TOKEN",
    "ExpiredTokenError",
    "Fresh",
    "Purpose",
    "TokenError",
    "TokenKeys",
    "load_keys",
]
