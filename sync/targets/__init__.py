"""Where the OTT platform reads: one Protocol, an adapter for each kind of place. Knows nothing of matching, plans or the catalog."""
