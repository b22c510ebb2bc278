"""Rehearsals of the runbook: a real fault, an outside probe, the engine, and a report."""
