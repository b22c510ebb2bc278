"""A simulator of a Kubernetes cluster on loopback, for drills and tests with the real `kubectl`.

It is a model, written from Kubernetes's documentation and sources: docs/simulator.md says what it
models and what it does not. Nothing here is a cluster, and nothing proven here is proven of one.
"""
