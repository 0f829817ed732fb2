"""The same work in other surroundings, to see whether they show in its result."""
