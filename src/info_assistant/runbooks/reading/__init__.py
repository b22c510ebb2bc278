"""Markdown to runbook: the file's bytes stay untouched, whatever is found in them."""
