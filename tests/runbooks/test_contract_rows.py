"""Which tests show each row of the contract that is about telling people and what is left.

Rows 1 to 38 are the commands (`test_seed.py`, `test_lint_seed.py`, tests/drills/cluster), 40 to 43
and 47 to 85 the product's and the diagnosis's. The table is the place to look a row up.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest
from tests.runbooks.conftest import SEED

HERE = Path(__file__).parent
CONTRACT = SEED.parents[1] / "contract.md"

_PEOPLE, _SERVICE = "test_incident_people.py", "test_incident_service.py"
_BY_HAND, _AFTER, _SEED = "test_by_hand.py", "test_afterwards.py", "test_seed.py"
_TEMPLATES, _ESCALATION, _LINT = "test_templates.py", "test_escalation.py", "test_lint_seed.py"
_OWN, _PAGE, _DIAGNOSIS = "test_own_runbook.py", "test_statuspage.py", "test_diagnosis_seen.py"

ROWS: Mapping[int, Sequence[tuple[str, str]]] = {
    39: [
        (_LINT, "test_every_verdict_is_reported"),
        (_OWN, "test_its_post_to_the_status_page_is_whole"),
        (_PAGE, "test_the_fields_are_those_of_the_api"),
    ],
    44: [
        (_PEOPLE, "test_a_status_page_is_asked_in_every_form"),
        (_PEOPLE, "test_a_status_page_that_is_not_there_is_unknown"),
    ],
    45: [(_OWN, "test_it_names_the_addresses_of_the_site")],
    46: [
        (_OWN, "test_it_names_the_addresses_of_the_site"),
        (_PAGE, "test_the_fields_are_those_of_the_api"),
    ],
    72: [(_PEOPLE, "test_the_channel_is_the_runbooks")],
    73: [
        (_PEOPLE, "test_handles_have_ids_and_the_rota_says_who_is_on_call"),
        (_TEMPLATES, "test_markdown_as_slack_writes_it"),
    ],
    86: [
        (_BY_HAND, "test_what_is_done_by_hand_is_asked_and_recorded"),
        (_PEOPLE, "test_a_status_page_is_asked_in_every_form"),
    ],
    87: [
        (_BY_HAND, "test_what_is_done_by_hand_is_asked_and_recorded"),
        (_DIAGNOSIS, "test_a_key_that_is_not_taken_is_told_and_names_nothing_alone"),
    ],
    88: [
        (_BY_HAND, "test_what_is_done_by_hand_is_asked_and_recorded"),
        (_DIAGNOSIS, "test_limits_of_a_provider_are_told_and_name_nothing_alone"),
    ],
    89: [
        (_SEED, "test_templates_checklists_and_queries"),
        (_BY_HAND, "test_what_is_done_by_hand_is_asked_and_recorded"),
    ],
    90: [
        (_LINT, "test_every_verdict_is_reported"),
        (_BY_HAND, "test_an_option_for_another_case_is_not_begun"),
    ],
    91: [
        (_ESCALATION, "test_the_cadence_is_the_runbooks"),
        (_TEMPLATES, "test_the_template_of_an_outage"),
        ("test_keeping_machine.py", "TestWatches"),
    ],
    92: [
        (_ESCALATION, "test_the_cadence_is_the_runbooks"),
        (_TEMPLATES, "test_the_template_of_a_provider"),
    ],
    93: [(_BY_HAND, "test_a_wait_of_the_runbook_is_not_cut_short")],
    94: [
        (_ESCALATION, "test_the_boundary_belongs_to_the_next_tier"),
        (_ESCALATION, "test_the_seeds_tiers_and_their_people"),
        (_ESCALATION, "test_the_last_tier_briefs_executives_and_names_the_letter_to_customers"),
        (_ESCALATION, "TestNights"),
        ("test_keeping_machine.py", "TestWatches"),
    ],
    95: [
        (_AFTER, "test_the_seeds_lists_and_their_reminders"),
        (_AFTER, "test_a_list_is_said_again_when_its_time_is_over"),
        (_AFTER, "test_nothing_but_causes_is_left_to_be_written"),
    ],
    96: [
        (_SERVICE, "test_an_alert_reaches_everybody_once"),
        (_AFTER, "test_commands_tell_people_by_themselves"),
    ],
    97: [(_TEMPLATES, "test_the_template_of_an_outage")],
    98: [(_TEMPLATES, "test_the_template_of_a_provider")],
    99: [
        (_BY_HAND, "test_every_stand_in_of_the_runbook_is_known"),
        (_SEED, "test_placeholders_of_commands"),
        (_LINT, "test_tasks_of_a_template_are_no_placeholders"),
        ("test_runner_properties.py", "*"),
    ],
    100: [
        (_SEED, "test_people_and_tiers"),
        (_LINT, "test_every_verdict_is_reported"),
        (_BY_HAND, "test_nobody_is_called_under_a_number_that_stands_for_one"),
    ],
    101: [
        (_SEED, "test_misread_characters_are_repaired_in_memory_only"),
        (_LINT, "test_every_verdict_is_reported"),
        ("test_runbook_command.py", "test_show_prints_the_signs_and_all_else_as_it_is"),
        ("test_runbook_command.py", "test_the_file_is_never_written"),
    ],
    102: [(_TEMPLATES, "test_markdown_as_slack_writes_it")],
    103: [
        (_PAGE, "test_the_fields_are_those_of_the_api"),
        (_PAGE, "test_the_state_of_components_is_what_was_seen"),
        (_SERVICE, "test_nothing_is_lost_and_nothing_doubled"),
        (_AFTER, "test_commands_tell_people_by_themselves"),
    ],
}
"""Row of the contract, and the tests that fail when it is not kept; `*` is all of a module."""

PROMISES: Mapping[str, Sequence[tuple[str, str]]] = {
    "nothing lost, nothing doubled, whatever a receiver does": [
        (_SERVICE, "test_nothing_is_lost_and_nothing_doubled"),
        (_SERVICE, "test_killed_at_any_moment_it_goes_on"),
        (_SERVICE, "test_a_refusal_is_shown_without_secrets_and_lets_others_pass"),
    ],
    "the right tier and word, once, through kills, jumps of the clock and pauses": [
        (_ESCALATION, "test_after_a_pause_everybody_passed_over_is_called_once"),
        (_ESCALATION, "test_a_wrong_clock_calls_nobody"),
        (_ESCALATION, "TestNights"),
        ("test_keeping_machine.py", "TestWatches"),
        (_SERVICE, "test_killed_at_any_moment_it_goes_on"),
    ],
    "two people, two machines, one record": [
        (_AFTER, "test_two_people_on_two_machines_have_one_record"),
        ("test_record_copies.py", "test_both_went_on"),
        ("test_record_copies.py", "test_a_foreign_part_cannot_be_changed"),
    ],
    "the post-mortem is the record's, complete but for causes": [
        (_AFTER, "test_the_page_is_complete_and_every_time_is_the_records"),
        (_AFTER, "test_nothing_but_causes_is_left_to_be_written"),
        (_AFTER, "test_a_step_that_was_seen_to_take_effect_is_no_lesson"),
    ],
    "no untrue sentence": [
        (_TEMPLATES, "test_no_sentence_is_untrue"),
        ("test_truth_of_templates.py", "test_every_sentence_of_a_runbook_is_known"),
        ("test_truth_of_templates.py", "test_every_sentence_that_the_engine_writes_is_known"),
    ],
    "the way back, and who would undo a change": [("test_ways_back.py", "*")],
}
"""What the incident service and the engine promise besides, and the tests of it."""


@cache
def names_in(module: str) -> frozenset[str]:
    """The tests that a module has, by their names."""
    tree = ast.parse((HERE / module).read_text(encoding="utf-8"))
    functions = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return frozenset(name for name in functions | assigned if name.lower().startswith("test"))


def test_every_row_is_shown() -> None:
    """No row of these is without a test."""
    assert set(ROWS) == {39, 44, 45, 46, 72, 73, *range(86, 104)}
    assert all(ROWS.values())


@pytest.mark.parametrize("tests", [*ROWS.values(), *PROMISES.values()])
def test_the_tests_of_a_row_are_there(tests: Sequence[tuple[str, str]]) -> None:
    """Every test that is named exists under its name; renaming one is noticed here."""
    for module, name in tests:
        known = names_in(module)
        assert known
        assert name == "*" or name in known, f"{module} has no {name}"


def test_the_rows_are_the_contracts() -> None:
    """Each number stands for a row of the contract as it is handed down."""
    if not CONTRACT.is_file():
        pytest.skip("../shared/seed is not there to be read.")
    text = CONTRACT.read_text(encoding="utf-8")
    assert [row for row in ROWS if not re.search(rf"(?<!\d){row}(?!\d)", text)] == []
