"""Carrying a runbook out: nothing runs unresolved, unasked, unrecorded or unjudged."""
