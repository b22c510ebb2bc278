"""Backups of an installation: where they lie, what is in one, how one is made and read back."""
