"""Shapes of sync in the REST API: what is shown (`...Serializer`) and what may be sent (`...QuerySerializer`, `...RequestSerializer`)."""
