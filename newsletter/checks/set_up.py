"""The codes of `newsletter doctor` as rules: what a newsroom's set-up is held to before mail leaves the machine."""

from __future__ import annotations

from newsletter.checks.rule import OWN, Group, Rule
from newsletter.checks.set_up_dns import DNS, MAILBOXES
from newsletter.findings import Severity

_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO

_SETTINGS = {
    "SETUP-REHEARSAL": (
        _I,
        "nothing leaves this machine",
        "Mail goes to a server or a folder of this machine, from a name that is reserved for examples.",
        "Nothing, for a rehearsal. To send: docs/how-to/mail-server.md or docs/how-to/sendgrid.md",
        OWN,
    ),
    "SETUP-URL-LOCAL": (
        _E,
        "readers’ pages on this machine alone",
        "Every link in the mail leads to `url`; readers cannot reach a loopback or private address, nor unsubscribe there.",
        "Set `url` under [newsroom] in newsletter.toml to the address that readers’ browsers can reach",
        OWN,
    ),
    "SETUP-FROM-RESERVED": (
        _E,
        "From address that cannot exist",
        "Names under .example, .test, .invalid, .localhost and .localdomain are in no DNS; such mail is refused.",
        "Set `from_address` under [newsroom] in newsletter.toml to an address of a domain that is yours",
        "RFC 6761",
    ),
    "SETUP-NO-LIST": (
        _W,
        "no list",
        "Readers join lists; without one nothing can be sent.",
        "Add a table [lists.NAME] with a `title` to newsletter.toml",
        OWN,
    ),
    "SETUP-EVENTS-KEY": (
        _W,
        "no events from the provider",
        "Bounces, complaints and the proof of unknown deliveries come by the signed webhook.",
        "Set `events_key` under [sender] to the verification key that SendGrid shows (docs/how-to/sendgrid.md)",
        OWN,
    ),
    "SETUP-SANDBOX": (
        _W,
        "sandbox is on",
        "SendGrid checks every request and mails nobody, and the report says accepted all the same.",
        "Take `sandbox` out of [sender] before a real send",
        OWN,
    ),
}

_LISTS = {
    "LIST-SKIP": (
        _W,
        "skipped day without an issue",
        "It says nothing, and a day that was meant stands perhaps beside it.",
        "Look at the year and the day under `skip`",
        OWN,
    ),
    "LIST-RECURRING": (
        _W,
        "recurring list without approvals",
        "By itself only that goes out which somebody has approved, whether or not an approval is asked for.",
        "Set `needed` under [approval] to 1 or more, or have each issue approved all the same",
        OWN,
    ),
}

_ALERTS = {
    "ALERTS-NOBODY": (
        _W,
        "nobody is told of alerts",
        "A missed slot, a mailing that paused by itself: nobody would know before a reader asks.",
        "Name `mail_to`, `url` or both under [alerts] (docs/how-to/alerts.md)",
        OWN,
    ),
    "ALERTS-MAIL": (
        _W,
        "mail of alerts that reaches nobody",
        "Alerts are mailed the way issues are, and to nobody whom mail must not go to.",
        "Mend [sender], lift the suppression or name another address, and name a `url` under [alerts] beside it",
        OWN,
    ),
    "ALERTS-KEY": (
        _E,
        "webhook of alerts without a key",
        "Calls are signed; without the key workers do not start.",
        "Set NEWSLETTER_ALERTS_KEY where workers and the scheduler run",
        "https://www.standardwebhooks.com",
    ),
    "ALERTS-URL": (
        _W,
        "webhook of alerts that takes nothing",
        "Alerts are posted there, and would reach nobody.",
        "Check `url` under [alerts] and that its server runs; for one in your own network set url_is_inside = true",
        OWN,
    ),
}

_KEYS = {
    "KEY-UNUSABLE": (
        _E,
        "secret key missing or unusable",
        "Readers’ links are sealed with it: without the right key those in old mail stop working.",
        "Put the key back from a backup; make a first one with `openssl rand -hex 32`",
        OWN,
    ),
    "KEY-CHANGED": (
        _E,
        "another secret key than the database knows",
        "What one process seals with another key the readers’ pages cannot open: nobody could unsubscribe.",
        "Give every process the same NEWSLETTER_SECRET_KEY, or none, as before",
        OWN,
    ),
    "KEY-TWICE": (
        _W,
        "two different secret keys",
        "The variable wins where it is set; a shell or service without it would use the file’s other key.",
        "Put the variable’s keys into data/secret.key, one a line, or move that file away",
        OWN,
    ),
    "KEY-OPEN": (
        _W,
        "secret that others can read",
        "Whoever reads the key can open and forge every reader’s link, or send in the newsroom’s name.",
        "Take the rights of the others away: `chmod 600 FILE`",
        OWN,
    ),
    "KEY-UNREADABLE": (
        _E,
        "file of a secret that cannot be read",
        "A variable that ends in _FILE names it, and without the secret nothing can be sent.",
        "Name a text file that this user may read, or take the variable away",
        OWN,
    ),
}

_DATABASE = {
    "DATABASE-NEW": (
        _I,
        "no database yet",
        "It is made on first use.",
        "Nothing, for a new newsroom. If there was one: put it back from a backup before anything is sent",
        OWN,
    ),
    "DATABASE-UNUSABLE": (
        _E,
        "database that does not open",
        "Who got what stands in it; nothing is sent without.",
        "Do what the finding says; the words are the database’s own",
        OWN,
    ),
    "DATABASE-FORM": (
        _E,
        "database in another form",
        "Each version of the program works with its own form of the tables alone.",
        "Older: stop the processes of the older version, then `newsletter db upgrade`. Newer: install the newer version again",
        OWN,
    ),
    "DATABASE-RESTORED": (
        _E,
        "backup that was put back",
        "Who was mailed after the backup was made is not known: nothing is sent before a person has said how to go on.",
        "Find out what has gone out since, then `newsletter db accept-restore` (docs/runbook/restored.md)",
        OWN,
    ),
    "MARKER-UNWRITABLE": (
        _W,
        "marker that cannot be written",
        "It tells a database that was put back from the one that was worked with; without it some restores go unnoticed.",
        "Let this user write into the folder `data/`, and see that its disk has room",
        OWN,
    ),
    "DATABASE-DAMAGED": (
        _E,
        "damaged database",
        "What is damaged can forget who was mailed already.",
        "Stop sending, keep a copy of the files as they are, and restore the newest backup",
        "https://www.sqlite.org/pragma.html#pragma_quick_check",
    ),
    "DATABASE-BUSY": (
        _W,
        "somebody holds the right to write",
        "SQLite has one writer at a time, and ours let go within milliseconds.",
        "Look who has the file open (`fuser FILE`) and end what hangs; a backup or an import may just need its time",
        OWN,
    ),
    "DATABASE-NETWORK-DISK": (
        _W,
        "SQLite on a network disk",
        "The write-ahead log needs memory that all processes share; over a network the database can be damaged.",
        "Move the newsroom’s data folder to a disk of this machine, or use PostgreSQL (DATABASE_URL)",
        "https://www.sqlite.org/wal.html",
    ),
    "DATABASE-OPEN": (
        _W,
        "readers’ addresses that others can read",
        "The database holds personal data of all readers.",
        "Take the rights of the others away: `chmod 700` for the folder, `chmod 600` for the file",
        OWN,
    ),
    "DATABASE-TOO-OLD": (
        _E,
        "PostgreSQL before 13",
        "Its makers mend it no more, and it was never tested here.",
        "Upgrade PostgreSQL",
        "https://www.postgresql.org/support/versioning/",
    ),
    "DATABASE-NOT-DURABLE": (
        _E,
        "PostgreSQL that forgets",
        "After a power cut, what was committed would be gone, and readers would be mailed twice.",
        "Set fsync, full_page_writes and synchronous_commit to on",
        "https://www.postgresql.org/docs/current/runtime-config-wal.html",
    ),
    "DATABASE-STANDBY": (
        _E,
        "PostgreSQL that only reads",
        "A standby, or a server set to read only, takes no outcome of a delivery.",
        "Let DATABASE_URL name the primary server",
        OWN,
    ),
    "DATABASE-ENCODING": (
        _E,
        "PostgreSQL without UTF-8",
        "Names and addresses in any alphabet must come back as they went in.",
        "Make the database anew with ENCODING 'UTF8', and move the data there",
        OWN,
    ),
    "DATABASE-UNENCRYPTED": (
        _W,
        "unencrypted way to the database",
        "All readers’ addresses cross the network in the clear.",
        "Add ?sslmode=verify-full to DATABASE_URL",
        OWN,
    ),
    "DATABASE-CONNECTIONS": (
        _W,
        "few connections left",
        "Workers, pages and scheduler need connections of their own; past the limit they wait.",
        "Raise max_connections, or end what holds connections without need",
        OWN,
    ),
    "MAILING-TROUBLE": (
        _W,
        "mailing that needs a person",
        "Something stands in the way of a mailing, and it does not go on by itself.",
        "`newsletter mailing show ID` tells more; docs/how-to/step-in.md what can be done",
        OWN,
    ),
}

_MACHINE = {
    "CLOCK-UNSYNCHRONISED": (
        _W,
        "clock that nobody sets",
        "A clock that drifts sends at the wrong time, and signed requests look too old.",
        "Install and start chrony or systemd-timesyncd; in a container, on the machine that carries it",
        OWN,
    ),
    "CLOCK-DIFFERS": (
        _W,
        "two clocks that differ",
        "What is due when is decided by several machines’ clocks together.",
        "Let both machines follow NTP (`timedatectl`, `chronyc tracking`)",
        OWN,
    ),
    "CLOCK-BACKWARDS": (
        _W,
        "clock behind what has happened",
        "The database holds something later than now: the clock was set back, or was wrong before.",
        "Check the date on this machine; mailings due in between may wait",
        OWN,
    ),
    "CLOCK-ZONE-UNKNOWN": (
        _E,
        "time zone that this machine does not know",
        "Without its rules nobody knows when a reader’s morning is.",
        "Install tzdata, or correct the zone",
        OWN,
    ),
    "CLOCK-ZONES-OLD": (
        _W,
        "old rules of time zones",
        "Governments change them at short notice; old rules send an hour early or late.",
        "Update the system’s tzdata",
        "https://www.iana.org/time-zones",
    ),
    "DISK-FULL": (
        _E,
        "too little room on the disk",
        "A disk that fills up in the middle stops the mailing, with part of the readers mailed.",
        "Make room, or move the data folder",
        OWN,
    ),
    "DISK-INODES": (
        _W,
        "few files left",
        "A disk has a largest number of files; past it nothing can be made, however much room there is.",
        "Remove what makes so many small files (`df -i`)",
        OWN,
    ),
    "DISK-READ-ONLY": (
        _E,
        "folder that cannot be written",
        "The system keeps its database and keys there.",
        "Give this user the right to write there; a disk that turned read-only needs a look (`dmesg`)",
        OWN,
    ),
    "SENDER-UNUSABLE": (
        _E,
        "sender that is not complete",
        "A password, a key or a setting is missing, or would cross the network in the clear.",
        "Correct [sender] in newsletter.toml, or set the secret",
        OWN,
    ),
    "SENDER-REFUSES": (
        _E,
        "sender that does not take mail",
        "Nothing can be sent while it refuses or does not answer.",
        "Check [sender] in newsletter.toml, the secret, and the provider’s status page",
        OWN,
    ),
    "SENDER-UNENCRYPTED": (
        _W,
        "unencrypted way to the mail server",
        "Addresses and personal links cross the network in the clear, and large mailboxes ask for TLS.",
        'Set security = "starttls" (port 587 as a rule) or "tls" (465) under [sender]',
        MAILBOXES,
    ),
}

RULES = tuple(
    Rule(code=code, severity=severity, group=Group.SET_UP, title=title, why=why, fix=fix, source=source)
    for table in (_SETTINGS, _LISTS, _KEYS, _DATABASE, _MACHINE, _ALERTS, DNS)
    for code, (severity, title, why, fix, source) in table.items()
)
