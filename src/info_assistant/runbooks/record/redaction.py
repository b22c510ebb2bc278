"""Secrets out of texts, before anything is written or sent."""

import re
from collections.abc import Iterable, Mapping

MASK = "[redacted]"
SHORTEST_SECRET = 6
"""A shorter value is no secret worth the name, and would be found in half of all words."""

_SECRET_NAME = re.compile(r"(key|token|secret|password|passwd|auth|credential)s?$", re.IGNORECASE)
_PATTERNS = (
    # Header values, and options that carry one.
    re.compile(
        r"(?P<keep>\b(?:authorization|x-api-key|api-key|cookie)\s*[:=]\s*)(?P<secret>[^\r\n'\"]+)",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?P<keep>\b(?:bearer|oauth|basic|geniekey)\s+)(?P<secret>[\w.~+/=-]{6,})", re.IGNORECASE
    ),
    # name=value and "name": "value", where the name says that it is one.
    re.compile(
        r"(?P<keep>[\"']?\b[\w-]*(?:password|passwd|pwd|secret|token|api[-_]?key|access[-_]?key|auth)"
        r"\b[\"']?\s*[:=]\s*[\"']?)(?P<secret>(?!\[redacted\])[^\s\"',;&}]{3,})",
        re.IGNORECASE,
    ),
    # Options of programs: redis-cli -a, mysql -p…, curl -u name:secret.
    re.compile(r"(?P<keep>\bredis-cli\b[^\n|;]*?\s-a\s+)(?P<secret>\S+)"),
    re.compile(r"(?P<keep>\s--?(?:password|pass|token)[= ])(?P<secret>\S+)"),
    re.compile(r"(?P<keep>\s(?:-u|--user)[= ]?[^\s:]+:)(?P<secret>\S+)"),
    # In addresses: scheme://name:secret@host.
    re.compile(r"(?P<keep>\b\w[\w+.-]*://[^\s:/@]*:)(?P<secret>[^\s/@]+)(?=@)"),
    # What is known by its own shape.
    re.compile(r"(?P<keep>)(?P<secret>\b(?:AKIA|ASIA)[A-Z0-9]{16}\b)"),
    re.compile(r"(?P<keep>)(?P<secret>\b(?:sk|pk|rk|ghp|gho|glpat|xox[abprs])[-_][\w-]{12,})"),
    re.compile(r"(?P<keep>)(?P<secret>\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{4,})"),
    re.compile(
        r"(?P<keep>)(?P<secret>-----BEGIN [A-Z ]*PRIVATE KEY-----.*?"
        r"(?:-----END [A-Z ]*PRIVATE KEY-----|\Z))",
        re.DOTALL,
    ),
)  # fmt: skip


class Redaction:
    """Takes secrets out of texts: by their shape, by the name beside them, or by their value."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        """Remember values that are secret whatever they look like; short ones are not."""
        self._known = sorted(
            {each for each in known if len(each) >= SHORTEST_SECRET}, key=len, reverse=True
        )

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> "Redaction":
        """Take every variable for secret whose name says so."""
        return cls(value for name, value in environment.items() if _SECRET_NAME.search(name))

    def text(self, text: str) -> str:
        """Return the text with a mask in place of each secret."""
        for value in self._known:
            text = text.replace(value, MASK)
        for pattern in _PATTERNS:
            text = pattern.sub(lambda found: found["keep"] + MASK, text)
        return text

    def mapping(self, data: Mapping[str, object]) -> dict[str, object]:
        """Return a JSON object with every text in it put through `text`."""
        return {self.text(key): self._value(key, value) for key, value in data.items()}

    def data(self, data: object) -> object:
        """Return JSON data with every text in it, keys too, put through `text`."""
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, Mapping):
            return self.mapping({str(key): value for key, value in data.items()})
        if isinstance(data, list | tuple):
            return [self.data(each) for each in data]
        return data

    def _value(self, key: str, value: object) -> object:
        """Mask what stands under a telling key; `authorised` and `token_count` are none."""
        if isinstance(value, str) and value and _SECRET_NAME.search(key):
            return MASK
        return self.data(value)
