import pytest

from newsletter.audience.files.columns import find_columns
from newsletter.audience.files.headings import Meaning, Standing, says_yes, standing_of


@pytest.mark.parametrize(
    ("words", "standing"),
    [
        (["Unsubscribed", "opted-out", "FALSE", "0", "disabled", "nonsubscribed"], Standing.LEFT),
        (["pending", "Unconfirmed", "unactivated"], Standing.WAITING),
        (["Cleaned", "hard bounced", "undeliverable", "unreachable"], Standing.BOUNCED),
        (["complained", "spam"], Standing.COMPLAINED),
        (["blocklisted", "Blacklisted"], Standing.BLOCKED),
        (["", "subscribed", "enabled", "TRUE", "VIP", "active", "premium"], Standing.JOINED),
    ],
)
def test_statuses_of_common_tools_are_understood(words: list[str], standing: Standing) -> None:
    assert {standing_of(word) for word in words} == {standing}


def test_yes_is_all_that_is_no_no() -> None:
    assert all(map(says_yes, ["true", "1", "2023-05-01 10:11:12", "yes"]))
    assert not any(map(says_yes, ["", "false", "0", "No", "None"]))


MAILCHIMP = (
    "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,TIMEZONE,CC,TAGS"
)
TOOLS = {
    MAILCHIMP: {Meaning.CONSENT_AT: "CONFIRM_TIME", Meaning.ZONE: "TIMEZONE", Meaning.TAGS: "TAGS"},
    "Email Address,First Name,UNSUB_TIME,UNSUB_REASON": {
        Meaning.LEFT: "UNSUB_TIME",
        Meaning.LEFT_REASON: "UNSUB_REASON",
    },
    "Email Address,CLEAN_TIME": {Meaning.BOUNCED: "CLEAN_TIME"},
    "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,labels,tiers": {
        Meaning.STATUS: "subscribed_to_emails",
        Meaning.TAGS: "labels",
        Meaning.CONSENT_AT: "created_at",
    },
    "email,active_subscription,expiry,plan,email_disabled,created_at,first_payment": {Meaning.LEFT: "email_disabled"},
    "email_address,notes,metadata,tags,creation_date,subscriber_type,unsubscription_date": {
        Meaning.ATTRIBUTES: "metadata",
        Meaning.STATUS: "subscriber_type",
        Meaning.LEFT: "unsubscription_date",
    },
    "uuid,email,name,attributes,status,created_at,updated_at": {
        Meaning.ATTRIBUTES: "attributes",
        Meaning.STATUS: "status",
    },
    "Email,First name,Last name,Data,Status,External ID": {Meaning.ATTRIBUTES: "Data", Meaning.LAST_NAME: "Last name"},
}


@pytest.mark.parametrize(("heading", "meanings"), TOOLS.items())
def test_exports_of_common_tools_are_known_by_their_headings(heading: str, meanings: dict[Meaning, str]) -> None:
    row = heading.split(",")
    columns, headed = find_columns([row])
    assert headed
    assert "mail" in row[columns.address].lower()
    assert {meaning: row[columns.places[meaning]] for meaning in meanings} == meanings
