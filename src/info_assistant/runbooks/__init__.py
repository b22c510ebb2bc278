"""The incident engine: reads runbooks, judges their commands, keeps the record of an incident.

It imports no other package of the product, so that it works when a release of the product does not.
"""
