"""Kinds of requests, which maintenance, admission and drain treat differently, and refusals."""

from enum import StrEnum


class Traffic(StrEnum):
    """What a request is for, the most urgent first."""

    PROBE = "probe"
    ADMIN = "admin"
    QUESTION = "question"
    READ = "read"
    CHANGE = "change"
    INGESTION = "ingestion"


class Refusal(StrEnum):
    """Why a request got no place: there was no time, no room, it waited in vain, or gave way."""

    NO_TIME = "no_time"
    QUEUE_FULL = "queue_full"
    WAITED_TOO_LONG = "waited_too_long"
    GAVE_WAY = "gave_way"
