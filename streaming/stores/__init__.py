"""Where the bytes of renditions lie. Knows names, sizes and checksums; never why an object was made or who may see it."""
