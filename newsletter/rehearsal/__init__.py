"""Small servers that stand in for the world: the local inbox, for demo, rehearsal and tests.

Nothing leaves the machine.

Start with `inbox.Inbox`: an SMTP server on loopback that keeps what it is given in a `mailbox.Mailbox`.
"""
