"""Where things are kept: objects, catalogue and records, and what Qdrant and Redis hold of them."""
