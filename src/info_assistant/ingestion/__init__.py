"""A document's way: intake, read, split, embed, index; and what is known of documents."""
