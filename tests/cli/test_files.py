"""Which files `ingest` picks up, and under which source the library knows them."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from info_assistant.cli.files import select
from info_assistant.errors import InvalidRequest


def put(path: Path) -> Path:
    """Make a small file with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("text")
    return path


def test_a_folder_is_walked_and_sources_are_paths_below_it(tmp_path: Path) -> None:
    """Every readable file is found, in a stable order, known by its path below the folder."""
    for name in ("b/two.pdf", "a/one.md", "three.HTML"):
        put(tmp_path / "library" / name)
    found = select([tmp_path / "library"]).files
    assert [each.source for each in found] == ["three.HTML", "a/one.md", "b/two.pdf"]
    assert [each.path for each in found] == [tmp_path / "library" / each.source for each in found]


def test_hidden_and_unreadable_kinds_are_left_out_with_a_reason(tmp_path: Path) -> None:
    """Hidden files and folders, lock files and kinds without a reader are skipped and named."""
    for name in (".secret.md", ".git/config.md", "~$open.docx", "photo.png", "kept.md"):
        put(tmp_path / name)
    selection = select([tmp_path])
    assert [each.source for each in selection.files] == ["kept.md"]
    reasons = {each.path.name: each.reason for each in selection.skipped}
    assert reasons == {
        ".git": "hidden folder",
        ".secret.md": "hidden file",
        "~$open.docx": "hidden file",
        "photo.png": "no reader for .png",
    }


def test_a_link_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    """A loop of links cannot make the walk endless."""
    put(tmp_path / "library" / "one.md")
    (tmp_path / "library" / "loop").symlink_to(tmp_path / "library")
    selection = select([tmp_path / "library"])
    assert [each.source for each in selection.files] == ["one.md"]
    assert [each.path.name for each in selection.skipped] == ["loop"]


def test_a_file_named_itself_is_sent_whatever_its_kind(tmp_path: Path) -> None:
    """A person who names a file wants it sent; the backend says what is wrong with it."""
    assert select([put(tmp_path / "photo.png")]).files[0].source == "photo.png"


def test_two_files_with_one_source_are_refused(tmp_path: Path) -> None:
    """Two files that would replace each other are an error that names both."""
    paths = [put(tmp_path / "hr" / "index.md"), put(tmp_path / "it" / "index.md")]
    with pytest.raises(InvalidRequest, match=r"hr/index\.md and .*it/index\.md"):
        select(paths)
    assert select(paths[:1], prefix="hr/").files[0].source == "hr/index.md"


names = st.text("abc.-_ é", min_size=1, max_size=6).map(lambda name: f"x{name}.md")


@given(st.sets(st.lists(names, min_size=1, max_size=3).map("/".join), max_size=8))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_file_has_a_source_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, wanted: set[str]
) -> None:
    """Whatever the tree looks like, no file is lost and no two share a source."""
    root = tmp_path_factory.mktemp("tree")
    made = {name for name in wanted if not any(other.startswith(name + "/") for other in wanted)}
    for name in made:
        put(root / name)
    assert {each.source for each in select([root]).files} == made
