"""Brings the catalogues of the pages up to date with the texts in code and templates.

`make words` writes src/info_assistant/web/locale/*.po: new texts without a translation, texts that
are gone no more. What lacks a translation is named, and the exit code is 1 then.
"""

import sys
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

WEB = Path(__file__).parents[1] / "src" / "info_assistant" / "web"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {"templates/**.html": {"trimmed": "true", "newstyle_gettext": "true"}}
KEYWORDS = {"N_": None, "_": None, "gettext": None, "ngettext": (1, 2), "count": (1, 2)}


def collected() -> Catalog:
    """Return every text of the pages, in the order of the files."""
    catalog = Catalog(project="info-assistant", charset="utf-8")
    for file, line, message, _comments, context in extract_from_dir(
        str(WEB), METHODS, OPTIONS, KEYWORDS
    ):
        catalog.add(message, locations=[(file, line)], context=context)
    return catalog


def updated(path: Path) -> Catalog:
    """Return the catalogue in `path` with the texts of today; it guesses nothing."""
    with path.open("rb") as source:
        catalog = read_po(source, locale=path.stem)
    catalog.update(
        collected(), no_fuzzy_matching=True, keep_user_comments=False, update_creation_date=False
    )
    catalog.obsolete.clear()
    return catalog


def lacking(catalog: Catalog) -> list[str]:
    """Return the texts that have no translation, or one that does not fit."""
    return [
        str(message.id)
        for message in catalog
        if message.id and (message.fuzzy or not _whole(message.string) or message.check(catalog))
    ]


def _whole(string: object) -> bool:
    parts = string if isinstance(string, tuple | list) else (string,)
    return all(parts)


def written(catalog: Catalog) -> bytes:
    """Return a catalogue as it stands in its file."""
    out = BytesIO()
    write_po(out, catalog, width=100, no_location=True)
    return out.getvalue()


def main() -> int:
    """Write all catalogues; return 1 if any lacks a translation."""
    missing = 0
    for path in sorted((WEB / "locale").glob("*.po")):
        catalog = updated(path)
        path.write_bytes(written(catalog))
        for text in lacking(catalog):
            missing += 1
            print(f"{path.name} lacks: {text}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
