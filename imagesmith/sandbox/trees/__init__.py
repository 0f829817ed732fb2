"""Root filesystems on disk: written once, lent to sandboxes."""
