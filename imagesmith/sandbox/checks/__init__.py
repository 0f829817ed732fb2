"""Smoke tests: steps that share a sandbox, and what they must say."""
