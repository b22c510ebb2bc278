"""Why a sentence was not supported: stable codes, kept in answer records and counted."""

from enum import StrEnum


class Reason(StrEnum):
    """The rule that decided."""

    NO_CITATION = "no_citation"
    NO_EVIDENCE = "no_evidence"
    LOOK_ALIKE = "look_alike"
    INSTRUCTION = "instruction"
    QUANTITY = "quantity"
    DATE = "date"
    IDENTIFIER = "identifier"
    NAME = "name"
    COMPARISON = "comparison"
    NEGATION = "negation"
    MODALITY = "modality"
    EXCEPTION = "exception"
    SUBJECT = "subject"
    BLENDED = "blended"
    LITTLE_SHARED = "little_shared"
    LEANS_ON_HELD_BACK = "leans_on_held_back"
