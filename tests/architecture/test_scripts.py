"""The scripts that CI relies on can fail."""

from pathlib import Path

import pytest
from scripts import compare_skips, describe_addresses, describe_errors, run_readme

REPORT = """<testsuites><testsuite>
<testcase classname="tests.a" name="test_one"/>
<testcase classname="tests.a" name="test_two"><skipped message="no server"/></testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize(
    ("listing", "code"),
    [
        ("# remark\ntests.a.test_two\n", 0),
        ("may: tests.a.test_t*\n", 0),
        ("may: tests.b.*\n", 1),
        ("", 1),
        ("tests.a.test_one\ntests.a.test_two\n", 1),
    ],
)
def test_skipped_tests_are_compared_in_both_directions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], listing: str, code: int
) -> None:
    """A new skip and a skip that is gone both fail, and both lists are shown."""
    report, expected = tmp_path / "report.xml", tmp_path / "expected.txt"
    report.write_text(REPORT)
    expected.write_text(listing)
    assert compare_skips.main(str(report), str(expected)) == code
    if code:
        assert "tests.a.test_two  (no server)" in capsys.readouterr().out


def test_page_of_errors_is_current() -> None:
    """docs/errors.md says what api/problems.py does; `make pages` writes it."""
    assert describe_errors.PAGE.read_text(encoding="utf-8") == describe_errors.page()


def test_page_of_addresses_is_current() -> None:
    """docs/addresses.md says what api/addresses.py does; `make pages` writes it."""
    assert describe_addresses.PAGE.read_text(encoding="utf-8") == describe_addresses.page()


def test_only_marked_blocks_of_a_readme_are_run() -> None:
    """Blocks that are only shown stay untouched; background blocks are told apart."""
    text = "```bash\nshown\n```\n\n```bash run background\nmake up\n```\n\n```bash run\nask\n```\n"
    found = [(block.commands, block.background) for block in run_readme.blocks(text)]
    assert found == [("make up\n", True), ("ask\n", False)]


def test_the_readme_has_commands_to_run() -> None:
    """The README begins with a stack that is started and asked."""
    text = (run_readme.ROOT / "README.md").read_text(encoding="utf-8")
    assert [block.background for block in run_readme.blocks(text)][:2] == [True, False]
