"""Names of keys in Redis, made of parts that cannot be mixed up."""


def key_of(*parts: str) -> str:
    """Return a key of these parts; no part can smuggle in a separator."""
    return ":".join(map(_quoted, parts))


def _quoted(part: str) -> str:
    return part.replace("%", "%25").replace(":", "%3A")
