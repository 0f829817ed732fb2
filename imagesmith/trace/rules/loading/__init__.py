"""Rules near the loader: what programs load and start by name."""
