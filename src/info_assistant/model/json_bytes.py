"""JSON as bytes: what every question writes, from values that are plain already."""

from typing import Any

import orjson

_HOW = orjson.OPT_UTC_Z | orjson.OPT_SERIALIZE_NUMPY


def json_bytes(value: Any) -> bytes:  # noqa: ANN401  Whatever JSON can say.
    """Return JSON of plain values: text, numbers, dates, moments, rows, fields by name, arrays.

    Moments end in Z, NaN and infinities become null. Raises TypeError for anything else, such as a
    set, or a name that is a word of an enumeration; pydantic's `to_json` takes more.
    """
    return orjson.dumps(value, option=_HOW)
