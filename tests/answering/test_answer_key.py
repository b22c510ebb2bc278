"""The key under which an answer is remembered."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from info_assistant.answering.answer_key import AnswerKey, AnswerKeys
from info_assistant.model.conversation import Turn
from info_assistant.model.identity import LOCAL_OPERATOR, AccessScope
from info_assistant.model.question import Filters, Question


def _question(
    text: str = "How much leave?",
    tenant: str = "default",
    groups: tuple[str, ...] = ("everyone",),
    documents: tuple[str, ...] = (),
) -> Question:
    caller = replace(LOCAL_OPERATOR, scope=AccessScope(tenant, frozenset(groups)))
    return Question("id", text, caller, Filters(documents))


def key(question: Question, made_by: str) -> str:
    """Return a question's key."""
    return AnswerKeys(lambda: b"secret", made_by).of(question).text


BASE = key(_question(), "v1")


@pytest.mark.parametrize(
    "other",
    [
        _question(text="How much pay?"),
        _question(tenant="other"),
        _question(groups=("everyone", "staff")),
        _question(groups=("staff",)),
        _question(groups=()),
        _question(documents=("a",)),
    ],
    ids=["text", "tenant", "more groups", "other group", "no group", "filter"],
)
def test_whatever_changes_the_answer_changes_the_key(other: Question) -> None:
    """Text, tenant, groups and filters each lead to a key of their own."""
    assert key(other, "v1") != BASE


def test_another_retrieval_version_has_other_keys() -> None:
    """A new model or projection does not serve answers of the old one."""
    assert key(_question(), "v2") != BASE


def test_what_does_not_change_the_answer_shares_the_key() -> None:
    """Letter case, the question's id, who of a group asks, and the order of filters do not matter.

    An answer is the same for everyone with the same access.
    """
    assert key(_question("HOW MUCH LEAVE?"), "v1") == BASE
    asked = _question()
    other = replace(asked, id="x", caller=replace(asked.caller, subject="somebody else"))
    assert key(other, "v1") == BASE
    assert key(_question("STRASSE"), "v1") == key(_question("straße"), "v1")
    assert key(_question(documents=("a", "b")), "v1") == key(_question(documents=("b", "a")), "v1")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (_question(groups=("a", "b")), _question(groups=("a,b",))),
        (_question(groups=("a", "b")), _question(groups=('a", "b',))),
        (_question(documents=("a", "b")), _question(documents=("a,b",))),
        (_question("x", tenant="ab"), _question("bx", tenant="a")),
        (_question(groups=("a",)), _question(groups=(), documents=("a",))),
    ],
)
def test_no_two_scopes_can_be_spelt_into_one_key(one: Question, other: Question) -> None:
    """Names with commas and quotes in them do not run together."""
    assert key(one, "v") != key(other, "v")


_names = st.text(st.sampled_from('ab,"[]\\ '), max_size=4)
_groups = st.lists(_names, max_size=3).map(tuple)
_questions = st.builds(_question, text=_names, tenant=_names, groups=_groups, documents=_groups)


@settings(deadline=None, max_examples=300)
@given(_questions, _questions)
def test_keys_are_equal_only_for_equal_access_and_question(one: Question, other: Question) -> None:
    """Keys collide exactly when tenant, groups, filters and text agree."""

    def meaning(question: Question) -> tuple[object, ...]:
        scope = question.caller.scope
        documents = sorted(question.filters.document_ids)
        return scope.tenant, scope.groups, documents, question.text.casefold()

    same = key(one, "v") == key(other, "v")
    assert same == (meaning(one) == meaning(other))


def test_a_filter_that_is_no_unicode_still_has_a_key() -> None:
    """Half a surrogate pair in a filter finds nothing, but breaks nothing either."""
    assert key(_question(documents=("\ud800",)), "v1") != BASE


def test_the_secret_is_asked_for_when_a_key_leaves_this_process() -> None:
    """Until then the parts tell questions apart; a secret that comes meanwhile is the one used."""
    known: list[bytes] = []
    keys = AnswerKeys(lambda: known[-1] if known else None, "v1")
    one, same, other = keys.of(_question()), keys.of(_question()), keys.of(_question("Why?"))
    assert one.parts == same.parts != other.parts
    known.append(b"secret")
    assert one.text == same.text == BASE != other.text
    assert AnswerKey.known(one.text).text == BASE


def test_keys_stay_what_they_were() -> None:
    """What was kept under a key before an update is found after it."""
    caller = replace(LOCAL_OPERATOR, scope=AccessScope("default", frozenset({"staff", "all"})))
    asked = Question("id", "Wie viel Übel?", caller, Filters(("a",)), history=(Turn("user", "é"),))
    assert AnswerKeys(lambda: b"secret", "v1").of(asked, "p/m/1").text == (
        "5f656cfc22300bdf37dde22d1fb1f70405414bbf7b18858bd447082cccc39670"
    )
