"""The command line of the incident engine: `runbook` and `incident`, also without the product."""
