"""Benchmarks: what imagesmith takes next to the floor and to its peers, in one run.

`clock` runs programs in turns and takes their time; `product` drives imagesmith as
a user does; `floors` and `peers` are what it is measured against; `synthetic`
makes large packages; `sections` says what is measured, `signatures` what the trust
room costs, `tracing` what the loaders' work costs; `table` renders it and `machine`
says where.  `make bench` runs `__main__`.
"""
