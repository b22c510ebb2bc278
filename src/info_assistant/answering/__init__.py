"""A question's way, one file a step: admit, recall, retrieve, rank, generate, cite, record.

`pipeline.py` is the list of the steps; none of them calls the one before it.
"""
