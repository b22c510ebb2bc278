"""What the headings, option titles and table rows of a runbook mean."""

import re

from info_assistant.runbooks.model import Callout, Contact, Role, Tier

_ROLES = (
    (Role.STATUS_PAGE, r"status ?page"),
    (Role.AFTERWARDS, r"post[- ]?(incident|mortem)|follow[- ]?up|afterwards|prevention"),
    (Role.ESCALATION, r"escalat"),
    (Role.CONTACTS, r"contact|who to call"),
    (Role.COMMUNICATION, r"communicat|template|announce|notify|message"),
    (Role.QUERIES, r"quer(y|ies)|promql|monitoring|metrics|dashboard"),
    (Role.SYMPTOMS, r"symptom|signs?\b|alert|detect|what you (will )?see|trigger"),
    (Role.VERIFICATION, r"verif|validat|confirm|check that it worked"),
    (Role.IMPACT, r"impact"),
    (Role.INVESTIGATION, r"investigat|diagnos|triage|debug|assess|look|checks?\b|find the cause"),
    (Role.RESOLUTION, r"resol|remed|mitigat|recover|\bfix|repair|respon|action|procedure|steps?\b"),
    (Role.RESOLUTION, r"roll ?back|restor|revert|what to do"),
)  # fmt: skip
_DASH = "[-\u2013\u2014]"
_CODE = re.compile(
    rf"(?P<code>(?:P|SEV|S|INC|RB)-?\d+(?:[-.]\d+)?)\s*(?:[:.]|{_DASH})\s*(?P<title>.+)",
    re.IGNORECASE,
)
_OPTION = re.compile(
    r"(?P<label>(?:Option|Alternative|Approach|Plan|Choice|Variant|Way)\s+[A-Z\d]+)\b"
    rf"\s*(?:[:.)]|{_DASH})*\s*(?P<title>.*)",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(
    r"\(((?:only )?(?:if|when|unless|optional|requires?)\b[^)]*)\)", re.IGNORECASE
)
_TIER = re.compile(
    rf"(?P<from>\d+)\s*(?:{_DASH}\s*(?P<to>\d+)|\+)?\s*"
    r"(?P<unit>m(?:in)?(?:utes?)?|h(?:ours?)?)\b\W*(?P<text>.+)",
    re.IGNORECASE | re.DOTALL,
)
_SIGNS = {"🚨": "alarm", "⚠": "warning", "❗": "warning", "⛔": "danger"}
_ALERT = re.compile(
    r"(?:\[!|\*\*)?(WARNING|CAUTION|DANGER|IMPORTANT|NOTE)(?:\]|:|\*\*)", re.IGNORECASE
)
_WAYS = ("phone", "slack", "mail", "pager", "chat", "teams", "mobile", "tel")


def role_of(title: str) -> Role:
    """Return what a section of that heading is for."""
    return next(
        (role for role, words in _ROLES if re.search(words, title, re.IGNORECASE)), Role.OTHER
    )


def scenario_title(title: str) -> tuple[str, str] | None:
    """Return code and title of a scenario, such as `P0-1` and `Complete System Outage`."""
    found = _CODE.fullmatch(title.strip())
    return (found["code"], found["title"]) if found else None


def option_title(text: str) -> tuple[str, str, str] | None:
    """Return label, title and condition of a way to go on; None where the text names none."""
    found = _OPTION.fullmatch(text.strip())
    if found is None:
        return None
    condition = _CONDITION.search(found["title"])
    title = _CONDITION.sub("", found["title"]).strip(" *:.\n")
    return found["label"], title, condition[1] if condition else ""


def tier_of(text: str, line: int) -> Tier | None:
    """Return the tier of escalation that a line of a list describes."""
    found = _TIER.search(text.replace("**", ""))
    if found is None:
        return None
    unit = 60 if found["unit"].lower().startswith("h") else 1
    ends = int(found["to"]) * unit if found["to"] else None
    return Tier(int(found["from"]) * unit, ends, found["text"].strip(), line)


def contacts_of(rows: list[tuple[int, list[str]]]) -> list[Contact]:
    """Return the people of a table; the first row is its head. Other tables give none."""
    if not rows:
        return []
    head = [cell.lower() for cell in rows[0][1]]
    ways = {at: cell for at, cell in enumerate(head) if any(way in cell for way in _WAYS)}
    role = next((at for at, cell in enumerate(head) if "role" in cell or "team" in cell), 0)
    name = next((at for at, cell in enumerate(head) if "name" in cell or "who" in cell), role)
    if not ways:
        return []
    return [
        Contact(cells[role], cells[name], {title: cells[at] for at, title in ways.items()}, line)
        for line, cells in rows[1:]
        if len(cells) == len(head)
    ]


def callout_of(text: str, line: int) -> Callout | None:
    """Return the warning that a line of text is, if it is one."""
    for sign, kind in _SIGNS.items():
        if sign in text:
            return Callout(line, kind, text.strip())
    found = _ALERT.match(text.strip().lstrip("> "))
    return Callout(line, found[1].lower(), text.strip()) if found else None
