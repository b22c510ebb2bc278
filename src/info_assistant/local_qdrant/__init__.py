"""The one-machine Qdrant: a subset of Qdrant's REST API over the real engine, qdrant-edge.

The product talks to it through `qdrant_client.AsyncQdrantClient(url=…)`, exactly as it talks to a
real server. `routes.py` lists every endpoint; anything beyond them, and any field of a request that
is not honoured, is answered with 501 rather than passed over. Every change is flushed to disk
before it is acknowledged, with `wait=false` too.

Search is exact: no graph index is ever built, so answers are complete and the cost grows with the
number of points that a filter leaves.
"""

MEASURED_LIMIT_POINTS = 100_000
"""The largest collection, in points, whose search was measured.

`doctor` warns above it: exact search goes on working, but nobody has timed it there.
"""
