"""REST views of streaming."""
