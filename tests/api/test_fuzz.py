"""Schemathesis over the whole API of a real backend: whatever is sent, every answer is typed."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from tests.api.conftest import ScriptedPipeline, services_of
from tests.api.processes import Processes
from tests.api.shelf import ShelfOfDocuments

from info_assistant.api.app import create_framework
from info_assistant.model.mode import ModeName

pytestmark = [pytest.mark.stack, pytest.mark.model]

load_all_checks()
CHECKED: list[Any] = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
        "missing_required_header",
        "unsupported_method",
    ]
)
REJECTION: list[Any] = CHECKS.get_by_names(["negative_data_rejection"])
PROBLEM = "application/problem+json"
LONGEST_URL = 65_000


def description() -> dict[str, Any]:
    """Return the API's description of itself."""
    return create_framework(services_of(ScriptedPipeline(), ShelfOfDocuments())).openapi()


DESCRIPTION = description()
SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION)
OPERATIONS = [
    (method.upper(), path)
    for path, operations in DESCRIPTION["paths"].items()
    for method in operations
]


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Processes, dict[str, str]]]:
    """Return a backend with everything up, and the ids of a document and an answer in it."""
    backend = Processes(tmp_path_factory.mktemp("fuzz"))
    with backend.client, backend.running("local-qdrant"), backend.running("serve"):
        backend.await_ready()
        text = "# Records\n\nTo request records, write to the records office."
        backend.becomes(lambda: backend.upload("records.md", text).is_success, 30, "an upload")
        (document,) = backend.client.get("/v1/documents").json()["documents"]
        url = f"/v1/documents/{document['id']}"
        backend.becomes(
            lambda: backend.client.get(url).json()["state"] == "ready", 30, "the document is ready"
        )
        asked = {"question": "How do I request records?", "conversation_id": "talk"}
        answer = backend.client.post("/v1/query", json=asked)
        yield (
            backend,
            {
                "document_id": document["id"],
                "answer_id": answer.json()["id"],
                "conversation_id": "talk",
                "model": "info-assistant",
            },
        )


def cases(method: str, path: str, ids: dict[str, str]) -> st.SearchStrategy[Case[Any]]:
    """Return requests that fit the description and such that do not, on known and unknown ids."""
    operation = SCHEMA[path][method]
    kinds = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]
    # Only what is read may name the known document; removing it would end the test's meaning.
    known = {name: value for name, value in ids.items() if f"{{{name}}}" in path}
    if known and method == "GET":
        kinds += [operation.as_strategy(path_parameters=known)]
    return st.one_of(kinds)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_typed(
    running: tuple[Processes, dict[str, str]], method: str, path: str
) -> None:
    """While all is well nothing is a 500, answers fit the description, refusals are problems."""
    backend, ids = running
    statuses: set[int] = set()

    @settings(
        max_examples=40,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases(method, path, ids))
    def holds(case: Case[Any]) -> None:
        response = case.call(base_url=backend.environment["BACKEND_URL"], timeout=60)
        if len(str(response.request.url)) > LONGEST_URL:
            # To the server that is no HTTP any more; it says so itself, in plain text.
            assert 400 <= response.status_code < 500
            return
        # Too large is a refusal like others, which the check for refusals does not know.
        excluded = REJECTION if response.status_code == 413 else []
        case.validate_response(response, checks=CHECKED, excluded_checks=excluded)
        statuses.add(response.status_code)
        if 400 <= response.status_code < 500:
            assert response.headers["content-type"] == [PROBLEM]
            assert response.json()["request_id"] == response.headers["x-request-id"][0]

    try:
        holds()
    finally:
        # A switch that was thrown on the way must not change what the other tests see.
        lifted = {name.value: None for name in ModeName} | {"reason": "The test is over."}
        assert backend.client.put("/v1/admin/modes", json=lifted).is_success
    # A run in which nothing was ever served or refused would have proved little.
    assert statuses & ({200} if method == "GET" else {200, 404, 422})


NAMES = st.one_of(
    st.text(max_size=40).map(lambda text: text + ".md"),
    st.sampled_from(["a.pdf", "a.docx", "a.csv", "a.html", "a.txt", "../../a.md", "a", ".md", ""]),
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    name=NAMES,
    data=st.one_of(st.binary(max_size=200), st.text(max_size=100).map(str.encode)),
    fields=st.fixed_dictionaries(
        {}, optional={"source": st.text(max_size=20), "title": st.text(max_size=20)}
    ),
)
def test_any_file_is_taken_or_refused_in_words(
    running: tuple[Processes, dict[str, str]], name: str, data: bytes, fields: dict[str, str]
) -> None:
    """Whatever a file is called and holds, the upload is accepted or refused with a problem."""
    backend, _ = running
    response = backend.client.post("/v1/documents", files={"file": (name, data)}, data=fields)
    if response.is_success:
        (taken,) = response.json()["documents"]
        assert backend.client.get(taken["status_url"]).status_code == 200
    else:
        assert response.status_code in {400, 422}
        assert response.headers["content-type"] == PROBLEM
        assert response.json()["detail"]
