"""Debian archives, in the order the bytes travel.

`aptsources` says which mirrors the host knows, `release` reads the signed
index of indexes, `packages` finds stanzas in a Packages index, `relations` and
`version` read what a stanza asks for, `closure` decides which packages that
is, and `providers` which one where several would do.  `naming` guesses the
package of a file that is missing.
"""
