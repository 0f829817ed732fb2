"""A maintainer script with one of everything, and damaged copies of it."""

from __future__ import annotations

import random

SAMPLE = b"""#!/bin/sh
# a postinst with one of everything
set -e
. /usr/share/debconf/confmodule
name=${1:-hello} other="a $(basename "$0" .sh) `echo \\`date\\``"
greet() {
    local who; who="$1"
    [ -n "$who" ] || return 1
    echo "hello ${who%%.*}" >&2
}
case "$1" in
    (configure|re*)
        if [ ! -e /etc/x ] && ! id -u hello >/dev/null 2>&1; then
            adduser --system --group hello || exit $?
        elif test -d "/etc/$name"; then :; else false; fi
        for i in a b "$@"; do
            while read -r line; do greet "$line"; done < "/etc/$i"
        done
        cat > /etc/hello.conf <<-EOF
	greeting = "$name" $((1 + (2 * 3)))
	EOF
        ( cd / && ls ) | sed -e 's/x/y/' -e "s,a,b," &
        ;;
    *) echo 'unknown' ;;
esac
exit 0
"""


def mutants(sample: bytes, count: int, seed: str) -> list[bytes]:
    """Return damaged copies of a script: pieces lost, doubled, exchanged and put in."""
    chance = random.Random(seed)  # noqa: S311 - the same mutants every time are the point
    pieces = [b'"', b"'", b"`", b"$(", b")", b"${", b"}", b"\\\n", b"<<E\n", b";;", b"if ", b"fi"]
    pieces += [b"\n", b"case x in ", b"esac", b"do ", b"done", b"{ ", b"((", b"\xff", b"|", b"#"]
    found = []
    for _ in range(count):
        mutant = bytearray(sample)
        for _ in range(chance.choice((1, 1, 2, 8))):
            place = chance.randrange(len(mutant))
            match chance.randrange(4):
                case 0:
                    mutant[place:place] = chance.choice(pieces)
                case 1:
                    del mutant[place : place + chance.randrange(1, 30)]
                case 2:
                    start = chance.randrange(len(mutant))
                    mutant[place:place] = mutant[start : start + 60]
                case _:
                    mutant[place] = chance.randrange(256)
        found.append(bytes(mutant))
    return found
