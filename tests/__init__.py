"""Tests with real parts: no server they use is shared, no port is fixed, nothing is kept."""
