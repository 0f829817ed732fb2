"""The wiring: recipe to manifest, manifest to images.  No format is known here.

`effects` is what the machine offers; `acquire` turns pins into indexed package
trees; `contents` reads file contents, verified; `plan` names a build by all of
its inputs; `execute` builds one architecture; `lock` writes a manifest; `deliver`
puts finished images where they are wanted.
"""
