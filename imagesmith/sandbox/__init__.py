"""Running things: an image's program, in a sandbox that bubblewrap makes.

`export` writes an image's root filesystem to the store, once; `glance` says which
one an archive means, and `lending` lends it.  `program` decides what runs there and
as whom, `inside` finding paths and users as the image has them; `mounts` decides what
it sees and where it may write, `platform` whether a CPU runs it or an emulator must.
`bubblewrap` is the one door: it starts the program.  `supervise` passes signals in
and the exit status out, `refusal` explains a host that allows no sandbox, and
`launch` puts all of it together.

`replay` remembers a start, so that the next one loads no more than itself,
`bubblewrap` and `supervise`: starting an image again costs little more than
starting Python and bubblewrap.
"""
