"""REST of the catalog under /api/v1/. Views parse, call a service or selector, and render; nothing else."""
