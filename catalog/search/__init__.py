"""Finding files: one interface, the same answers from every database."""
