"""Kinds of requests, which maintenance, admission and drain treat differently."""

from enum import StrEnum


class Traffic(StrEnum):
    """What a request is for, the most urgent first."""

    PROBE = "probe"
    ADMIN = "admin"
    QUESTION = "question"
    READ = "read"
    CHANGE = "change"
    INGESTION = "ingestion"
