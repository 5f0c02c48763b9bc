"""Shapes of the catalog in the REST API: what is shown (`...Serializer`) and what may be sent (`...WriteSerializer`).

A field named `source` or `parent` hides an attribute of DRF's own from the type checker only: declared fields are taken off
the class.
"""
