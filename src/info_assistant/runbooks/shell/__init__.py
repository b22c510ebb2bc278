"""Shell text of runbooks: its words, its commands, and what each of them does."""
