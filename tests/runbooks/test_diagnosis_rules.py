"""The table of symptoms: what it can never do, whatever is seen."""

from hypothesis import given
from hypothesis import strategies as st

from info_assistant.runbooks.diagnosis.interpreting import evidence_of
from info_assistant.runbooks.diagnosis.observations import (
    Observations,
    Outcome,
    Sample,
    Sampled,
    observations_of,
)
from info_assistant.runbooks.diagnosis.symptoms import NAMED, OUTAGE, RULES, TITLES, Symptom, scores
from info_assistant.runbooks.diagnosis.verdict import Answer, Evidence, Finding, judge, outlook_of

SYMPTOMS = st.frozensets(st.sampled_from(sorted(Symptom)))
_SAMPLES = st.lists(
    st.builds(
        Sample,
        st.sampled_from(sorted(Outcome)),
        st.sampled_from([0, 200, 401, 429, 500, 503]),
        st.floats(0, 12),
    ),
    min_size=1,
    max_size=4,
).map(tuple)
_STATES = st.sampled_from(["ok", "degraded", "down", "off", "unknown"])


def _evidence(symptoms: frozenset[Symptom], *, proof: bool = False) -> Evidence:
    return Evidence([Finding(each, each.value) for each in sorted(symptoms)], proof=proof)


def test_every_symptom_has_one_rule() -> None:
    """No symptom is without a meaning, and each scenario can be named by one that is its own."""
    assert set(RULES) == set(Symptom)
    for code in TITLES:
        assert any(each.scenario == code and each.weight >= NAMED for each in RULES.values())


@given(SYMPTOMS, st.sampled_from(sorted(Symptom)))
def test_more_evidence_for_a_scenario_never_lowers_it(
    symptoms: frozenset[Symptom], more: Symptom
) -> None:
    """A symptom that is added leaves its own scenario where it was, or raises it."""
    code = RULES[more].scenario
    assert scores(symptoms | {more})[code] >= scores(symptoms)[code]


@given(SYMPTOMS, st.sampled_from(sorted(Symptom)))
def test_only_an_outage_of_the_whole_is_explained_away(
    symptoms: frozenset[Symptom], more: Symptom
) -> None:
    """A symptom that is added lowers no dependency, whichever it speaks for."""
    before, after = scores(symptoms), scores(symptoms | {more})
    assert all(after[code] >= before[code] for code in TITLES if code != OUTAGE)


@given(SYMPTOMS, st.booleans())
def test_nothing_is_named_without_evidence(symptoms: frozenset[Symptom], proof: bool) -> None:  # noqa: FBT001
    """Whatever is named rests on findings of its own; an outage that comes last is the last."""
    found = judge(_evidence(symptoms, proof=proof))
    for each in found.named:
        assert each.weight >= NAMED
        assert {RULES[one.symptom].scenario for one in each.evidence} == {each.code}
    codes = [each.code for each in found.named]
    assert OUTAGE not in codes[:-1]
    assert (found.answer is Answer.NAMED) == bool(codes)
    if not proof:
        assert found.answer is not Answer.HEALTHY


@given(SYMPTOMS)
def test_what_follows_from_a_dependency_names_no_outage_beside_it(
    symptoms: frozenset[Symptom],
) -> None:
    """With a dependency named, P0-1 is named for symptoms alone that no dependency explains."""
    codes = {each.code for each in judge(_evidence(symptoms)).named}
    own = sum(
        RULES[each].weight
        for each in symptoms
        if RULES[each].scenario == OUTAGE and not RULES[each].follows
    )
    if codes - {OUTAGE}:
        assert (OUTAGE in codes) == (own >= NAMED)


def test_nothing_seen_is_unknown() -> None:
    """Without any observation nothing is named, and nothing is called healthy."""
    assert judge(evidence_of(Observations())).answer is Answer.UNKNOWN


@given(
    st.dictionaries(
        st.sampled_from(["backend", "frontend", "qdrant", "redis", "openai", "public"]),
        st.builds(
            Sampled,
            st.just("http://here"),
            st.booleans(),
            st.booleans(),
            st.lists(st.builds(Sample, st.just(Outcome.UNREACHABLE)), min_size=1, max_size=4).map(
                tuple
            ),
        ),
    )
)
def test_a_machine_without_a_way_names_nothing(reached: dict[str, Sampled]) -> None:
    """Names that are not known and networks that are not there say nothing of the service."""
    assert judge(evidence_of(Observations(reached))).answer is Answer.UNKNOWN


@given(
    st.dictionaries(
        st.sampled_from(["backend", "frontend", "public", "qdrant", "redis", "openai"]),
        st.builds(Sampled, st.just("http://x"), st.booleans(), st.booleans(), _SAMPLES),
    ),
    st.none() | st.dictionaries(st.sampled_from(["qdrant", "redis", "openai"]), _STATES),
)
def test_any_observation_is_judged_and_survives_being_written(
    reached: dict[str, Sampled], states: dict[str, str] | None
) -> None:
    """Whatever is seen has an answer; read back from its JSON it has the same one."""
    health = None
    if states is not None:
        health = {"dependencies": {name: {"state": state} for name, state in states.items()}}
    seen = Observations(reached, health)
    assert judge(evidence_of(observations_of(seen.data()))) == judge(evidence_of(seen))


@given(symptoms=SYMPTOMS, proof=st.booleans(), code=st.sampled_from(sorted(TITLES)))
def test_help_is_told_only_where_it_is_seen(
    *, symptoms: frozenset[Symptom], proof: bool, code: str
) -> None:
    """It is said that an option helped where all is well, and that it did not where it is seen."""
    found = judge(_evidence(symptoms, proof=proof))
    words = "\n".join(outlook_of(found, code))
    named = {each.code for each in found.named}
    assert words.startswith("It did not help") == (code in named)
    assert words.startswith("It helped") == (found.answer is Answer.HEALTHY)
    for each in found.named:
        assert each.code != code or all(finding.words in words for finding in each.evidence)
