"""Runtime rules: what programs open at run time that no loader knows of.

A `rule` is a name and a function from a `scene`, the closure so far, to
findings; each rule has a module of its own, in `loading`, `libc`, `security`,
`languages` or `desktop`, and `catalogue` lists them in the order they are asked.
`apply` asks all of them again and again until nothing new is found, and enters
the findings into the closure.  docs/runtime-rules.md says for each what triggers
it, what it ships, and which test holds it.
"""
