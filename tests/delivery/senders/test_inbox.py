import mailbox

from newsletter.delivery.senders.base import Envelope
from newsletter.delivery.senders.inbox import InboxSender
from newsletter.store.statuses import OutcomeKind

ENVELOPE = Envelope(
    mail_from="news@ledger.example", rcpt_to="ada@readers.example", message=b"Subject: Ferries\r\n\r\nHello\r\n"
)


def test_any_mail_program_reads_what_it_keeps(tmp_path):
    connection = InboxSender(folder=tmp_path / "mail").open()
    assert connection.send(ENVELOPE).kind is OutcomeKind.ACCEPTED
    kept = list(mailbox.Maildir(tmp_path / "mail", create=False))
    assert [message["Subject"] for message in kept] == ["Ferries"]
    assert kept[0]["Delivered-To"] == "ada@readers.example"
    assert kept[0].get_payload() == "Hello\n"


def test_the_same_message_again_is_the_same_file(tmp_path):
    connection = InboxSender(folder=tmp_path / "mail").open()
    assert connection.send(ENVELOPE).provider_id == connection.send(ENVELOPE).provider_id
    assert len(list((tmp_path / "mail" / "new").iterdir())) == 1
    assert not list((tmp_path / "mail" / "tmp").iterdir())


def test_only_its_owner_may_read(tmp_path):
    InboxSender(folder=tmp_path / "mail").open().send(ENVELOPE)
    kept = next((tmp_path / "mail" / "new").iterdir())
    assert kept.stat().st_mode & 0o077 == 0
