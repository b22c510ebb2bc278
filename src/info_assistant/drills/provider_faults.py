"""How a stand-in for a provider can misbehave; docs/decisions/0015 says what follows."""

from enum import StrEnum


class Behaviour(StrEnum):
    """What a stand-in does with a call: each row of the decision's table, and the harmless ones."""

    WELL = "well"
    PAUSE = "pause"
    DUPLICATE = "duplicate"
    NO_USAGE = "no_usage"
    OPEN_END = "open_end"

    REFUSED_PORT = "refused_port"
    RESET_BEFORE_HEADERS = "reset_before_headers"
    CLOSED_BEFORE_HEADERS = "closed_before_headers"
    HANG_BEFORE_HEADERS = "hang_before_headers"
    SLOW_HEADERS = "slow_headers"
    SILENT_STREAM = "silent_stream"
    ONLY_PINGS = "only_pings"
    STATUS_400 = "status_400"
    WRONG_KEY = "wrong_key"
    NOT_PAID = "not_paid"
    FORBIDDEN = "forbidden"
    UNKNOWN_MODEL = "unknown_model"
    STATUS_408 = "status_408"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    RATE_LIMITED_FOR_DECADES = "rate_limited_for_decades"
    RATE_LIMITED_UNTIL_YESTERDAY = "rate_limited_until_yesterday"
    RATE_LIMITED_FOR_A_MOMENT = "rate_limited_for_a_moment"
    INSUFFICIENT_QUOTA = "insufficient_quota"
    STATUS_500 = "status_500"
    STATUS_503 = "status_503"
    STATUS_529 = "status_529"
    ERROR_WITH_200 = "error_with_200"
    PAGE_WITH_200 = "page_with_200"
    ERROR_EVENT = "error_event"
    MALFORMED_JSON = "malformed_json"
    END_WITHOUT_MARKER = "end_without_marker"
    EMPTY_STREAM = "empty_stream"
    CUT_STREAM = "cut_stream"
    RESET_STREAM = "reset_stream"
    STALLED_STREAM = "stalled_stream"
    DRIPPED_STREAM = "dripped_stream"
    ENDLESS_STREAM = "endless_stream"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"


HARMLESS = frozenset(
    {
        Behaviour.WELL,
        Behaviour.PAUSE,
        Behaviour.DUPLICATE,
        Behaviour.NO_USAGE,
        Behaviour.OPEN_END,
    }
)
"""After these the answer is complete."""
