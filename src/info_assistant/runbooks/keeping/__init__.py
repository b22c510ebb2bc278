"""The clock of an incident: who is called when, and when the next word is due."""
