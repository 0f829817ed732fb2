"""A program in a sandbox: what it sees, how it starts, how it ends."""
