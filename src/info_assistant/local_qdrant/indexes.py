"""Payload indexes: from Qdrant's parameters to the engine's and back."""

from typing import Any

import qdrant_edge as edge
from pydantic import BaseModel
from qdrant_client.http import models

from info_assistant.local_qdrant.engine import translated
from info_assistant.local_qdrant.subset import only, unsupported

_PLAIN: dict[models.PayloadSchemaType, Any] = {
    models.PayloadSchemaType.KEYWORD: edge.KeywordIndexParams,
    models.PayloadSchemaType.INTEGER: edge.IntegerIndexParams,
    models.PayloadSchemaType.FLOAT: edge.FloatIndexParams,
    models.PayloadSchemaType.BOOL: edge.BoolIndexParams,
    models.PayloadSchemaType.DATETIME: edge.DatetimeIndexParams,
    models.PayloadSchemaType.UUID: edge.UuidIndexParams,
    models.PayloadSchemaType.TEXT: edge.TextIndexParams,
}

_TOKENIZERS = {
    models.TokenizerType.PREFIX: edge.TokenizerType.Prefix,
    models.TokenizerType.WHITESPACE: edge.TokenizerType.Whitespace,
    models.TokenizerType.WORD: edge.TokenizerType.Word,
    models.TokenizerType.MULTILINGUAL: edge.TokenizerType.Multilingual,
}

# Per kind of index: the engine's class and the fields that both sides name alike.
_DETAILED: dict[type[BaseModel], tuple[Any, tuple[str, ...]]] = {
    models.KeywordIndexParams: (edge.KeywordIndexParams, ("is_tenant", "on_disk")),
    models.IntegerIndexParams: (
        edge.IntegerIndexParams,
        ("lookup", "range", "is_principal", "on_disk"),
    ),
    models.FloatIndexParams: (edge.FloatIndexParams, ("is_principal", "on_disk")),
    models.BoolIndexParams: (edge.BoolIndexParams, ("on_disk",)),
    models.DatetimeIndexParams: (edge.DatetimeIndexParams, ("is_principal", "on_disk")),
    models.UuidIndexParams: (edge.UuidIndexParams, ("is_tenant", "on_disk")),
    models.TextIndexParams: (
        edge.TextIndexParams,
        ("min_token_len", "max_token_len", "lowercase", "phrase_matching", "on_disk"),
    ),
}

_DATA_TYPES = {
    "Keyword": "keyword",
    "Integer": "integer",
    "Float": "float",
    "Bool": "bool",
    "Datetime": "datetime",
    "Uuid": "uuid",
    "Text": "text",
    "Geo": "geo",
}


def to_index(source: object) -> Any:  # noqa: ANN401  (one of the engine's parameter classes)
    """Return the engine's parameters of a payload index. Raises NotSupported, InvalidRequest."""
    if isinstance(source, models.PayloadSchemaType) and source in _PLAIN:
        return _PLAIN[source]()
    if not isinstance(source, BaseModel) or type(source) not in _DETAILED:
        raise unsupported(f"payload index {source}")
    kind, fields = _DETAILED[type(source)]
    arguments = {name: getattr(source, name) for name in fields}
    if isinstance(source, models.TextIndexParams):
        only(source, "type", "tokenizer", *fields)
        if source.tokenizer is not None:
            arguments["tokenizer"] = _TOKENIZERS[source.tokenizer]
    else:
        only(source, "type", *fields)
    with translated():
        return kind(**arguments)


def describe(info: "edge.PayloadIndexInfo") -> dict[str, Any]:
    """Return Qdrant's description of an index."""
    data_type = _DATA_TYPES[str(info.data_type).rsplit(".", 1)[-1]]
    described: dict[str, Any] = {"data_type": data_type, "points": info.points}
    params = info.params
    kinds: dict[Any, tuple[str, ...]] = dict(_DETAILED.values())
    if params is not None:
        values = {name: getattr(params, name) for name in kinds.get(type(params), ())}
        if isinstance(params, edge.TextIndexParams):
            values["tokenizer"] = next(
                (theirs.value for theirs, own in _TOKENIZERS.items() if own == params.tokenizer),
                None,
            )
        described["params"] = {"type": data_type} | {
            name: value for name, value in values.items() if value is not None
        }
    return described
