"""One reader for each kind of file; all give blocks of plain text."""
