"""Making renditions: reads sources, runs decoders and encoders, and hands what came out to `streaming.services`."""
