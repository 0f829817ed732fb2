"""Rules about interpreters and their libraries."""
