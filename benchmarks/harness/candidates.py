"""Candidates for the ranking without a search: passages as if one had found them."""

import numpy as np

from info_assistant.model.passage import Candidate, IndexedPassage, edges_of


def candidate_of(indexed: IndexedPassage, score: float = 0.0) -> Candidate:
    """Return a passage with its vectors as a search would find it."""
    vectors = indexed.vectors
    terms = np.array(vectors.sparse.indices, np.uint32)
    edges = edges_of(vectors.token_spans)
    count = len(vectors.tokens)
    return Candidate(indexed.passage, score, terms, count, lambda: vectors.tokens, edges)
