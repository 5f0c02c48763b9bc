"""Which file and which row belong together, kept while both sides change. Reads the catalog and the mirror; never talks to a target."""
