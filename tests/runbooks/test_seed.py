"""The seed's runbook is read whole, and its bytes stay as they are."""

import hashlib

from tests.runbooks.conftest import SEED

from info_assistant.runbooks.model import BlockKind, Form, Role, Runbook
from info_assistant.runbooks.shell.effects import Effect

R, M, D = Effect.READ_ONLY, Effect.MUTATING, Effect.DESTRUCTIVE
EXTERNAL, PROMPT = Effect.EXTERNAL, Effect.INTERACTIVE

# Line and class of each command, from the table of the runbook's contract (3a, rows 1 to 39).
CONTRACT = [
    (19, R), (20, R), (23, R), (29, R), (32, R), (38, R), (39, R), (47, M), (48, R), (51, R),
    (57, M), (60, M), (63, R), (69, M), (72, R), (125, R), (126, R), (131, R), (132, R), (137, R),
    (145, M), (148, R), (154, D), (157, D), (160, M), (167, EXTERNAL), (193, R), (194, R),
    (199, PROMPT), (200, R), (201, R), (202, R), (210, M), (216, M), (222, M), (250, R), (265, M),
    (271, M), (311, EXTERNAL),
]  # fmt: skip


def test_every_command_has_the_class_of_the_contract(seed: Runbook) -> None:
    """36 commands and 3 lines typed at a prompt are found, at their lines, each in its class."""
    found = seed.commands()
    assert [(command.line, command.effect) for command in found] == CONTRACT
    typed = [command for command in found if command.form is Form.INPUT]
    assert [command.text for command in typed] == ["PING", "INFO replication", "CLUSTER INFO"]
    assert {command.typed_into for command in typed} == {found[28].text}


def test_only_what_never_ends_is_called_endless(seed: Runbook) -> None:
    """`watch` is the only command of the seed that does not end by itself."""
    assert [command.line for command in seed.commands() if command.endless] == [63]


def test_scenarios_options_and_conditions(seed: Runbook) -> None:
    """Four scenarios with three options each; conditions are kept apart from titles."""
    assert [(each.code, each.line) for each in seed.scenarios] == [
        ("P0-1", 7), ("P0-2", 114), ("P0-3", 182), ("P0-4", 234),
    ]  # fmt: skip
    assert [len(each.options) for each in seed.scenarios] == [3, 3, 3, 3]
    assert [len(each.symptoms) for each in seed.scenarios] == [3, 3, 3, 3]
    conditions = {o.title: o.condition for s in seed.scenarios for o in s.options if o.condition}
    assert conditions == {
        "Failover to Secondary Region": "if multi-region",
        "Fallback to Anthropic": "if configured",
    }


def test_investigation_is_in_steps(seed: Runbook) -> None:
    """Numbered steps keep their numbers, titles, commands and remarks."""
    section = next(s for s in seed.scenarios[3].sections if s.role is Role.INVESTIGATION)
    assert [(step.number, step.title) for step in section.steps] == [
        (1, "Check OpenAI Status"),
        (2, "Check Backend Logs"),
    ]
    assert [note.text for note in section.steps[0].notes] == [
        "Visit: https://status.openai.com",
        "Check API key validity",
        "Review rate limits",
    ]


def test_templates_checklists_and_queries(seed: Runbook) -> None:
    """Unlabelled blocks are two templates and one checklist; the PromQL block has two queries."""
    assert [block.line for block in seed.blocks(BlockKind.TEMPLATE)] == [80, 277]
    (checklist,) = seed.blocks(BlockKind.CHECKLIST)
    assert [item.text for item in checklist.items] == [
        "Enable maintenance mode",
        "Display user-friendly message",
        "Monitor OpenAI status page",
    ]
    (queries,) = seed.blocks(BlockKind.QUERIES)
    assert [(query.line, query.comment) for query in queries.queries] == [
        (174, "Qdrant availability"),
        (177, "Connection errors"),
    ]
    assert seed.unread == ()


def test_people_and_tiers(seed: Runbook) -> None:
    """Contacts and the escalation path are read, the open end of the last tier too."""
    assert [(each.role, each.ways["slack"]) for each in seed.contacts] == [
        ("On-Call Engineer", "@oncall"),
        ("Engineering Manager", "@eng-manager"),
        ("CTO", "@cto"),
        ("DevOps Lead", "@devops-lead"),
    ]
    assert [(tier.begins_min, tier.ends_min) for tier in seed.tiers] == [
        (0, 15), (15, 30), (30, 60), (60, None),
    ]  # fmt: skip


def test_placeholders_of_commands(seed: Runbook) -> None:
    """What stands for a value is known per command; the boxes of tasks are no placeholders."""
    found = {c.line: c.placeholders for c in seed.commands() if c.placeholders}
    assert found == {137: ("[POD-ID]",), 167: ("ZXXXXX",), 311: ("[PAGE_ID]", "[TOKEN]")}


def test_misread_characters_are_repaired_in_memory_only(seed: Runbook) -> None:
    """Lines 80 and 277 show their signs again, while the file's bytes stay what they were."""
    assert [(each.line, each.repaired) for each in seed.repairs] == [(80, "🚨"), (277, "⚠️")]
    assert [each.kind for each in seed.callouts] == ["alarm", "warning"]
    assert seed.sha256 == hashlib.sha256(SEED.read_bytes()).hexdigest()
    assert seed.sha256.startswith("a5d8e3ae")
