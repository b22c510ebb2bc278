"""What the project's pages name is there: files, headings, recipes, decisions."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FIRST_PAGES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")]
PAGES = [*FIRST_PAGES, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?:|mailto:)(?P<path>[^)#\s]*)(?:#(?P<heading>[^)\s]+))?\)")
RECIPE = re.compile(r"(?:`|^)make (?P<name>[a-z][a-z0-9-]*)", re.MULTILINE)


def headings(page: Path) -> set[str]:
    """Return the names by which links reach the headings of a page."""
    texts = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in texts}


def test_links_lead_somewhere() -> None:
    """Each link of a page leads to a file of the project, and to a heading where it names one."""
    lost, followed = [], 0
    for page in PAGES:
        for link in LINK.finditer(page.read_text(encoding="utf-8")):
            target = page.parent / link["path"] if link["path"] else page
            there = target.exists() and (not link["heading"] or link["heading"] in headings(target))
            followed += 1
            if not there:
                lost.append(f"{page.relative_to(ROOT)}: {link[0]}")
    assert followed > 100
    assert lost == []


def test_each_recipe_that_is_named_can_be_made() -> None:
    """Each `make` of a page is a target of the Makefile or of what it includes."""
    made = "".join((ROOT / name).read_text() for name in ("Makefile", "deploy/deploy.mk"))
    targets = set(re.findall(r"^([a-z0-9-]+):", made, re.MULTILINE))
    named = {
        (page.name, recipe["name"])
        for page in PAGES
        for recipe in RECIPE.finditer(page.read_text(encoding="utf-8"))
    }
    assert len(named) > 50
    assert sorted(each for each in named if each[1] not in targets) == []


def test_each_decision_is_listed_once() -> None:
    """The list of decisions has each of them, once."""
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[^)]+)\)", (folder / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(each.name for each in folder.glob("0*.md"))
