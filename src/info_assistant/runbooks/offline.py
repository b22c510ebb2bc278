"""A runbook as one HTML page that needs nothing else: no script, no network, no product."""

import html

from markdown_it import MarkdownIt

from info_assistant.runbooks.linting.lint import Correction, corrections
from info_assistant.runbooks.model import Runbook

_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111;"
    "background:#fff}pre{background:#f2f2f2;padding:.7rem;overflow:auto}"
    "table{border-collapse:collapse}"
    "td,th{border:1px solid #888;padding:.3rem .6rem;text-align:left;vertical-align:top}"
    "@media print{pre{white-space:pre-wrap}}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(runbook: Runbook) -> str:
    """Return the runbook's text, and behind it each command with its class and corrected form.

    Markup in the runbook is shown, not taken over.
    """
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(runbook.text)
    rows = "\n".join(_row(each) for each in corrections(runbook))
    title = html.escape(runbook.title or runbook.name)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{title}</title>\n"
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n"
        "<h2>Every command, its class, and how it is put right</h2>\n<table>\n"
        "<tr><th>line</th><th>class</th><th>command</th></tr>\n"
        f"{rows}\n</table>\n<p>{html.escape(runbook.name)}, sha256 {runbook.sha256}</p>\n"
        "</body>\n</html>\n"
    )


def _row(found: Correction) -> str:
    command = found.command
    shown = f"<pre>{html.escape(found.as_run)}</pre>"
    if found.changed:
        shown += f"<small>as written:</small><pre>{html.escape(command.text)}</pre>"
    return f"<tr><td>{command.line}</td><td>{command.effect}</td><td>{shown}</td></tr>"
