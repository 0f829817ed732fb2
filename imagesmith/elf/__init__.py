"""What a program needs to start, read from the bytes of the image.

`object` reads one file's dynamic facts (`segment`, `dynamic`; pyelftools is
here), `loader` what a dynamic loader's bytes say of it.  `machine` knows
machines, their ABIs and where their loaders live.  `root` looks paths up in one
filesystem; `search` holds the values of a search, `glibc` (with `candidate`,
`paths` and `ldcache`) and `musl` its rules, `hint` what to say when it fails.
`process` puts one program together, and `closure` answers for a seed: a
`result`, everything its loader would map.

The room sees a `model.tree.Filesystem`: no archive, no disk, no host.
"""
