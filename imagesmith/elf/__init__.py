"""What a program needs to start, read from the bytes of the image.

`object` reads one file's dynamic facts (`segment`, `dynamic`; pyelftools is
here), `loader` what a dynamic loader's bytes say of it.  `machine` knows
machines, their ABIs and where their loaders live.  `root` looks paths up in one
filesystem; `search` holds the values of a search, `glibc` (with `candidate`,
`paths`, `hwcaps` and `ldcache`) and `musl` its rules, `hint` what to say when it
fails.  What ld.so.cache would hold is worked out by `ldconfig`, from `ldconf`.
`process` puts one process together, `program` those that may come of a program,
and `closure` answers for a seed: a `result`, everything its loader would map.

What would happen then is for `binding` to say: it holds versions (`versions`)
and `symbols` (with `tables`, `symtab` and `relocations`) of a `scope` against
one another, and gives `findings`.  What a file says of what it opens later is
read by `notes`, and which names it imports by `imports`.

The room sees a `model.tree.Filesystem`: no archive, no disk, no host.
"""
