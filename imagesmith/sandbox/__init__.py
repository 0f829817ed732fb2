"""Running things: an image's program, in a sandbox that bubblewrap makes.

`trees`: `export` writes an image's root filesystem to the store, once; `glance` says
which one an archive means, and `lending` lends it.

`starting`: `program` decides what runs there and as whom, `inside` finding paths and
users as the image has them; `mounts` decides what it sees and where it may write,
`platform` whether a CPU runs it or an emulator must, and `foreign` lets the kernel
emulate what a foreign program starts in turn.  `bubblewrap` is the one door: it starts
the program.  `supervise` passes signals in and the exit status out, `refusal` explains a
host that allows no sandbox, and `launch` puts all of it together.  `replay` remembers a
start, so that the next one loads no more than itself, `bubblewrap` and `supervise`:
starting an image again costs little more than starting Python and bubblewrap.  So
nothing is imported by this package or by that one.

`watching`: `strace` is the door to strace, through which a sandbox is started when
somebody wants to know what a program does: `calls` reads its log, `accesses` says which
files were meant, `hits` which of a tree were used and how, and `observe` does it all for
one run.

`checks`: `checking` runs a check of an image: `capture` keeps what its steps print,
`expect` judges it, `holder` has what they share, and `absent` says what a step that
failed looked for in vain.

`elsewhere`: `surroundings` measures what a program sees around it and starts one among
quite other things, and `backwards` turns directories around; neither keeps anybody from
anything.
"""
