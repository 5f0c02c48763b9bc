"""Tests in a real browser against a real, running system."""
