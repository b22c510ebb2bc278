"""The nouns of the product: frozen dataclasses without I/O and without any framework."""
