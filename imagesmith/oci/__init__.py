"""Trees into images: tar, layers, image manifests and archives, the same bytes everywhere."""
