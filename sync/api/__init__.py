"""REST of sync under /api/. Views parse, call a service or selector, and render; nothing else."""
