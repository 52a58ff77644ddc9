"""How fast mail goes: to the server, to each domain of readers, and how far a domain that has had enough is left alone.

`rules` has the limits as the settings give them, `pace` what has gone so far, `storms` what a domain's refusals mean:
all pure. `paces` keeps them in the database, where all workers share them, and `turns` decides at a claim who may go.
"""
