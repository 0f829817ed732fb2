"""Deterministic, minimal container images from signed manifests.

A tour, in the order the data flows.  `manifest` turns documents into values;
`trust` says whether the exact bytes of a manifest were signed by people the
operator named.  `sources` resolves package names to pins, `fetch` streams what
a pin names, and `store` keeps only bytes whose digest is the expected one.
`unpack` indexes a package into a `Tree` without extracting it; `rootfs` lays
trees over each other; `elf` and `trace` find what a program needs, executing
nothing.  `rootfs` assembles that closure with generated files, `oci` packs it
into layers and writes images, `audit` re-checks every claim, `build` wires the
stages together and `cli` talks to people.
"""

__version__ = "0.1.0"
