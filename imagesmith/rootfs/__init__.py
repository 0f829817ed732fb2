"""From many package trees to one root filesystem.

`overlay` lays the trees of packages over each other as dpkg would, with /usr
merged, and `libraries` leaves them as ldconfig would; `generated` makes the
files no package ships (accounts, certificate bundle, mount points); `metadata`
finds what scanners and lawyers need beside the closure; `assemble` puts the
chosen paths together, and `layering` divides them into layers.  All of it on
values: nothing is read from or written to the host.
"""
