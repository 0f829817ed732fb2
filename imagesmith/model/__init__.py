"""The nouns: digests, architectures, trees of entries, canonical bytes.  No I/O."""
