"""The names people give images: the grammar registries and runtimes share.

Source: distribution's reference.go; digests are left out, since a manifest
cannot name the digest of what is built from it.
"""

from __future__ import annotations

import re

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]+)?/)?"
_TAG = r":[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
REFERENCE = re.compile(rf"{_HOST}{_COMPONENT}(?:/{_COMPONENT})*(?P<tag>{_TAG})?")
"""To be matched in full; the group `tag` holds the colon as well."""
