"""Whether two statements of different documents contradict each other."""

import pytest

from info_assistant.answering.grounding.differing import Difference, difference
from info_assistant.answering.grounding.statements import Facts
from info_assistant.providers.bm25 import TermVectors

TERMS = TermVectors().terms
DIFFERENT = [
    (
        "Travel claims must be submitted within 30 days of the trip.",
        "Claims for travel are to be submitted within 14 days after the trip.",
    ),
    (
        "Audit logs shall be retained for at least 12 months.",
        "Audit logs must be kept for a minimum of 6 months.",
    ),
    (
        "Requests for accommodation are answered within three business days.",
        "Requests for accommodation are answered within three calendar days.",
    ),
    (
        "The application fee is $50.",
        "The fee for an application is $65.",
    ),
    (
        "Staff may claim up to £25 for dinner.",
        "For dinner, staff may claim up to £30.",
    ),
    (
        "Passwords must be at least 12 characters long.",
        "Passwords must be at least 8 characters long.",
    ),
    (
        "The office opens at 9 am.",
        "The office opens at 8:30 am.",
    ),
    (
        "Applications close on 31 March.",
        "Applications close on 30 April.",
    ),
    (
        "The form must be returned by Friday.",
        "The form must be returned by Monday.",
    ),
    (
        "Backups are kept for two weeks.",
        "Backups are kept for 30 days.",
    ),
    (
        "Devices must be locked after 15 minutes of inactivity.",
        "Devices must be locked after 5 minutes of inactivity.",
    ),
    (
        "Three quotes are needed for purchases above the threshold.",
        "Two quotes are needed for purchases above the threshold.",
    ),
    (
        "Purchases over $10,000 need the approval of the director.",
        "Purchases over $5,000 need the approval of the director.",
    ),
    (
        "Visitors may take photographs in the building.",
        "Visitors must not take photographs in the building.",
    ),
    (
        "Personal devices are not allowed on the staff network.",
        "Personal devices are allowed on the staff network.",
    ),
    (
        "A receipt is not required for taxi fares.",
        "A receipt is required for taxi fares.",
    ),
    (
        "Interns are entitled to 10 days of annual leave.",
        "Interns are entitled to 15 days of annual leave.",
    ),
    (
        "The probation period lasts six months.",
        "The probation period lasts 90 days.",
    ),
    (
        "Files larger than 25 MB cannot be uploaded.",
        "Files larger than 50 MB cannot be uploaded.",
    ),
    (
        "Complaints are acknowledged within 2 working days.",
        "Complaints are acknowledged within 5 working days.",
    ),
    (
        "Vulnerability scans are run twice a week.",
        "Vulnerability scans are run once a month.",
    ),
    (
        "The discount for members is 10 %.",
        "Members get a discount of 15 %.",
    ),
    (
        "Meetings of the board take place on 3 May 2026.",
        "Meetings of the board take place on 10 May 2026.",
    ),
    (
        "The reading room is closed to the public.",
        "The reading room is open to the public.",
    ),
    (
        "Accounts are disabled after 45 days without sign-in.",
        "Accounts shall be disabled after 90 days of no sign-in.",
    ),
]
"""Each pair says different things of the same."""

NO_CONFLICT = [
    (
        "Full-time staff get 20 days of leave a year.",
        "Part-time staff get 10 days of leave a year.",
    ),
    (
        "New licences cost $50.",
        "A renewal of the licence costs $30.",
    ),
    (
        "Urgent requests are answered within 2 days.",
        "Requests are answered within 10 days; urgent requests within 2 days.",
    ),
    (
        "Audit logs are kept for 12 months.",
        "Audit logs are kept for one year.",
    ),
    (
        "Audit logs are kept for 12 months.",
        "Backups are kept for 30 days.",
    ),
    (
        "The Canberra office opens at 9 am.",
        "The Sydney office opens at 8 am.",
    ),
    (
        "Claims must be submitted within 30 days.",
        "Claims are paid within 10 days.",
    ),
    (
        "Parcels to addresses within the city take 2 days.",
        "Parcels to addresses outside the city take 5 days.",
    ),
    (
        "Purchases above the threshold are approved within 10 days.",
        "Purchases below the threshold are approved within 3 days.",
    ),
    (
        "The form has 3 pages.",
        "The guide has 12 pages.",
    ),
    (
        "If the file is large, the answer takes 30 days.",
        "The answer takes 20 days.",
    ),
    (
        "Requests are answered within 20 working days.",
        "Requests are answered within 20 working days, which may be extended by 10 days.",
    ),
    (
        "At least 5 people must attend.",
        "At most 12 people may attend.",
    ),
    (
        "The policy takes effect on 1 May 2024.",
        "The policy was approved on 3 April 2024.",
    ),
    (
        "In 2023 there were 40 requests.",
        "In 2024 there were 55 requests.",
    ),
    (
        "Visitors must not take photographs in the building.",
        "Visitors must not take pictures in the building unless they have a permit.",
    ),
    (
        "Passwords should be changed every 90 days.",
        "Passwords should have 12 characters.",
    ),
    (
        "Internal mail is delivered twice a day.",
        "External mail is delivered once a day.",
    ),
    (
        "The fee is $50 for adults.",
        "The fee is $25 for children.",
    ),
    (
        "Level 1 requires one factor.",
        "Level 2 requires two factors.",
    ),
    (
        "The session ends after 30 minutes of inactivity.",
        "The session ends after 12 hours whatever happens.",
    ),
    (
        "Staff may work from home two days a week.",
        "Staff may work from abroad 20 days a year.",
    ),
]
"""Each pair speaks of different things, or says the same."""


def compared(one: str, other: str, asked: str = "") -> Difference | None:
    """Return what two statements differ in."""
    return difference(Facts(one, TERMS), Facts(other, TERMS), frozenset(asked.split()))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_cannot_both_be_so_is_told(one: str, other: str) -> None:
    """Another number, date or answer about the same is a difference, whichever comes first."""
    found, turned = compared(one, other), compared(other, one)
    assert found is not None
    assert turned == Difference(found.kind, (found.values[1], found.values[0]))
    assert all(value in text for value, text in zip(found.values, (one, other), strict=True))


@pytest.mark.parametrize(("one", "other"), NO_CONFLICT)
def test_other_things_are_no_conflict(one: str, other: str) -> None:
    """Other subjects, conditions, rates and bounds, and the same in other words, are none."""
    assert compared(one, other) is None
    assert compared(other, one) is None
    assert compared(one, one) is None


def test_what_the_question_tells_apart_is_apart() -> None:
    """A statement about what was asked does not differ from one about all."""
    general, special = "Staff get 20 days of leave.", "Casual staff get 10 days of leave."
    assert compared(general, special, "how much leave do staff get") is not None
    assert compared(general, special, "how much leave do casual staff get") is None


def test_values_are_as_they_are_written() -> None:
    """A reader is shown the words of each side."""
    found = compared("Two quotes are needed for a purchase.", "A purchase needs three quotes.")
    assert found is not None
    assert found.values == ("Two quotes", "three quotes")
