"""The only writers of streaming's tables."""
