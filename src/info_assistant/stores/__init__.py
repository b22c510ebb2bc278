"""Where things are kept: objects, the catalogue among them, and Qdrant's projections."""
