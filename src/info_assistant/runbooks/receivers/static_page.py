"""A status page as files in a folder, to be served from a place that does not fail with us."""

import html
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from info_assistant.runbooks.errors import DeliveryLater
from info_assistant.runbooks.outbox.messages import Act
from info_assistant.runbooks.receivers.port import Attempt
from info_assistant.runbooks.record.log import sync_folder
from info_assistant.runbooks.telling import markup

_SHOWN = 20
_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:45rem;margin:2rem auto;padding:0 1rem;color:#111;"
    "background:#fff}article{border-left:.4rem solid #b00;padding:.1rem 1rem;margin:1.5rem 0}"
    "article.resolved{border-color:#080}time,small{color:#444}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


class StaticPage:
    """Keeps `index.html`, and `incidents.json` for programs; both are replaced as a whole."""

    name = "page"
    acts = frozenset({Act.STATE})

    def __init__(self, folder: Path) -> None:
        """Write below `folder`."""
        self._folder = folder

    def send(self, attempt: Attempt) -> Mapping[str, str]:
        """Show where the incident stands. Raises DeliveryLater where nothing can be written."""
        content = attempt.message.content
        shown = {
            "id": attempt.message.incident,
            "title": content.title,
            "status": content.status,
            "message": markup.plain(content.text),
            "started_at": content.started,
            "updated_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            others = [each for each in self._known() if each["id"] != shown["id"]]
            incidents = [shown, *others][:_SHOWN]
            self._replace("incidents.json", json.dumps({"incidents": incidents}, indent=1))
            self._replace("index.html", _page(incidents))
            sync_folder(self._folder)
        except OSError as error:
            raise DeliveryLater(
                f"The status page in {self._folder} cannot be written: {error.strerror}."
            ) from error
        return {}

    def _known(self) -> list[dict[str, Any]]:
        try:
            text = (self._folder / "incidents.json").read_text(encoding="utf-8")
            return [dict(each) for each in json.loads(text)["incidents"] if each["id"]]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return []

    def _replace(self, name: str, text: str) -> None:
        fresh = self._folder / f".{name}.new"
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._folder / name)


def _page(incidents: list[dict[str, Any]]) -> str:
    open_ones = sum(each["status"] != "resolved" for each in incidents)
    headline = "Something is wrong" if open_ones else "No incident is known"
    shown = "\n".join(_article(each) for each in incidents)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>Status: {headline}</title>\n"
        '<meta name="viewport" content="width=device-width">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{headline}</h1>\n{shown}\n</body>\n</html>\n"
    )


def _article(each: dict[str, Any]) -> str:
    said = {name: html.escape(str(each.get(name, ""))) for name in each}
    return (
        f'<article class="{said["status"]}"><h2>{said["title"]}</h2>\n'
        f"<p><strong>{said['status']}</strong>, since "
        f"<time>{said['started_at']}</time></p>\n{markup.page(str(each['message']))}\n"
        f"<small>As of <time>{said['updated_at']}</time></small></article>"
    )
