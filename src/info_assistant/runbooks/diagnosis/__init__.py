"""`incident diagnose`: looks at the service, and names the scenario that fits what was seen."""
