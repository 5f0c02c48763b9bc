"""What people and programs get: the bytes of files, posters, and the pages that play."""
