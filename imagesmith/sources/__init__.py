"""Where artefacts come from: bytes of indexes in, packages to pin out.

This room knows neither store, network nor OpenPGP.  What it reads was verified
by `trust`; it judges what the bytes say, never who said it.
"""
