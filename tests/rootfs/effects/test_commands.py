"""Corners of single commands: what they answer, refuse, and leave out."""

from __future__ import annotations

import pytest
from builders.maintained import package, read, walked
from builders.tar import Files

from imagesmith.model.tree import Directory, File, Hardlink, Symlink

FILES: Files = {
    "/etc/default/tool": "a=1\n",
    "/usr/bin/tool": File.of(b"#!", mode=0o755),
    "/usr/bin/twin": Hardlink(target="/usr/bin/tool"),
    "/usr/link": Symlink(target="bin"),
    "/usr/setgid": Directory(mode=0o2755, gid=50),
}

ANSWERED = [
    ("dpkg --print-foreign-architectures > /out", ""),
    ("basename > /out; basename /a/b >> /out", None),
    ("getent hosts x; getent passwd nobody-x || echo no > /out", "no\n"),
    ("id -u nobody-x || echo no > /out; id", "no\n"),
    ("stat -c %a /none || echo no > /out; stat -f /", "no\n"),
    ("readlink || echo no > /out; readlink /usr/link >> /out", "no\nbin\n"),
    ("seq 2 > /out; seq 2 3 >> /out", "1\n2\n2\n3\n"),
    ("printf || echo no > /out", "no\n"),
    ("cat /none || echo no > /out", "no\n"),
    ("cat /etc/default/tool - < /dev/null > /out", "a=1\n"),
    ("grep x /none || echo no > /out; grep a=1 /etc/default/tool >> /out", "no\na=1\n"),
    ("printf '' | sed s/a/b/ > /out; printf '' | tr a b >> /out", ""),
    ("[ a -eq 1 ] || echo no > /out; [ || echo no >> /out", "no\nno\n"),
    ("[ ! -e /none ] && [ ! ! a ] && [ '(' a ')' ] && echo yes > /out", "yes\n"),
    ("[ -c /dev/null ] && [ -w /dev/tty ] && [ ! -f /dev/null ] && echo yes > /out", "yes\n"),
    ("[ -L /usr/link ] && [ -d /usr/link ] && [ ! -t 0 ] && echo yes > /out", "yes\n"),
    ("[ -s /usr/bin/tool ] && [ -x /usr/bin/twin ] && [ -e '' ] || echo no > /out", "no\n"),
    ("[ -g /usr/setgid ] && [ ! -u /usr/setgid ] && [ -r /usr ] && echo yes > /out", "yes\n"),
    ("set -o errexit; set +e -u; false; set x y; echo $2 > /out", "y\n"),
    ("set -- a; unset none; f() { local v; echo .$v > /out; }; f", ".\n"),
    ("trap 'rm -f /x' EXIT; umask 022; true & echo yes > /out", "yes\n"),
    ("env A=1 B=2 echo x > /out; command echo z >> /out; exec echo y >> /out; false", "x\nz\ny\n"),
    ("nice -n 5 x; A=1 eval 'echo $A' > /out; echo .$A >> /out", None),
    ("echo ${#} ${#x} ${x##} ${x:?} > /out", None),
    ("set -- a b; echo ${@} ${@:-c} $* > /out; set --; echo ${@:-c} >> /out", "a b a b a b\nc\n"),
    ("x=~/a; echo $x ~ > /out", "/root/a /root\n"),
    ("echo a > /tmp/x; cat < /tmp/x > /out; cat < /none >> /out || :", None),
    ("ln -s /usr/bin/tool /usr; cat /usr/tool > /out", "#!"),
    ("cp /usr/bin/tool /usr/copy; cat /usr/copy > /out; cp -p /usr/bin/twin /usr/copy", "#!"),
    ("touch /usr/setgid/a; stat -c %g /usr/setgid/a > /out", "50\n"),
    ("mkdir /usr/setgid/d; stat -c %a /usr/setgid/d > /out", "2755\n"),
    ("chgrp 5 /usr/bin/twin; chmod 700 /usr/bin/twin; stat -c %a /usr/bin/tool > /out", "700\n"),
    ("rm /usr/bin/tool; cat /usr/bin/twin > /out", "#!"),
    ("mv /usr/bin /usr/moved; cat /usr/moved/twin > /out; mv /usr/moved /usr/moved/x || :", "#!"),
    ("rm -r /usr/bin/none || rm -rf /usr/bin; [ -e /usr/link/tool ] || echo no > /out", "no\n"),
    ("ln /usr/bin/tool /usr/setgid/hard; cat /usr/setgid/hard > /out", "#!"),
    ("ln -s /usr/bin/tool; ln -s x /none/y || echo no > /out", "no\n"),
    ("cp x; mv; cp /usr/bin/tool /none/x || echo no > /out", "no\n"),
    ("install /usr/bin/tool /none/x || echo no > /out; chmod -- 4755 /usr/bin/tool", "no\n"),
    ("addgroup nobody-x 2>/dev/null adm || :; echo yes > /out", None),
    ("touch /usr/bin/tool /etc; cp /etc/default/tool /usr/bin || echo no; : > /out", ""),
]


@pytest.mark.parametrize(("script", "expected"), ANSWERED)
def test_what_commands_answer(script: str, expected: str | None) -> None:
    """With what they print, or how they fail; in a shell that goes on."""
    read = walked(script, FILES)

    if expected is not None:
        assert read.text("/out") == expected


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("ln -r /usr/bin/tool /usr/x", "relative and backed-up links are not made"),
        ("chgrp --reference=/usr /usr/bin", "groups are not taken from other files"),
        ("usermod -a www-data", "only groups of users are changed"),
        ("find / -delete", "what it finds is not followed"),
        ("sort -o /etc/x /etc/x", "a file is sorted in place"),
        ("eval 'if'", "expected then"),
        ("cd $(date); touch x", "which directory it works in cannot be known"),
        ("echo x > $(date)", "where it writes to cannot be known"),
        ("mkdir --what", "its option --what is not read"),
        ("mkdir -q", "its option -q is not read"),
        ("update-alternatives --what", "its arguments are not read"),
        ("dpkg-statoverride --what", "its arguments are not read"),
        ("/usr/lib/x/helper run", "helper is not read"),
    ],
)
def test_what_commands_leave_out(script: str, why: str) -> None:
    """With the reason."""
    assert walked(f"{script}\n", FILES).skipped == [(2, why)]


UNKNOWN = [
    '[ "$(date)" -gt 1 ]',
    '[ -e "$(date)" ]',
    '[ "$(date)" = "$(hostname)" ]',
    '[ -n "$(date)" -a a = a ]',
    "[ -N /usr ]",
    "dpkg --compare-versions $(date) lt 1",
    "dpkg --compare-versions 1 like 2",
    "dpkg --compare-versions 1:a:b lt 2_x",
    "dpkg -l",
    "dirname $(date) | grep x",
    "which $(date)",
    "ls",
    "grep '[a-z]*' /etc/default/tool",
    "grep x $(date)",
    'x=$((1 + 1)); [ "$x" = 2 ]',
    'x=$(date); [ "${x%a}" = b ]',
    'x=$(date); [ "${x:-y}" = b ]',
    'x=$(date); [ "${x:+y}" = b ]',
    'x=$(date); [ "${#x}" = 5 ]',
    'x=$(seq $(date)); [ "$x" = 1 ]',
    'x=$(seq 1 0 1); [ "$x" = 1 ]',
    'x=$(stat -c %s /usr); [ "$x" = 1 ]',
    'x=$(printf %q a); [ "$x" = a ]',
    'x=$(sed s/a/b/ /etc/default/tool); [ "$x" = a ]',
    'x=$(awk 1); [ "$x" = a ]',
    'x=$(basename $(date)); [ "$x" = a ]',
    'x=$(readlink $(date)); [ "$x" = a ]',
    'x=$$; [ "$x" = 1 ]',
    "{ date; date; } | grep x",
    "(date)",
    "date && hostname",
    'case "$(date)" in a) true;; *) false;; esac',
    "if date; then false; fi",
    'read x < $(date); [ "$x" = a ]',
]


@pytest.mark.parametrize("condition", UNKNOWN)
def test_what_nobody_knows_is_in_doubt(condition: str) -> None:
    """Neither branch is taken, and both are in the ledger."""
    read = walked(f"if {condition}; then mkdir /yes; else mkdir /no; fi", FILES)

    assert "/yes" not in read.made
    assert "/no" not in read.made
    assert [about.startswith("only if ") for _, about in read.skipped] in ([True, True], [True])


def test_a_case_that_cannot_be_known_ends_in_doubt() -> None:
    """Each arm may be the one, up to the first that would fail the script."""
    read = walked('case "$(date)" in a) mkdir /a;; b|c) mkdir /b;; *) exit 1;; esac; mkdir /c')
    assert read.made == {"/c": "dir 0755"}
    assert read.skipped == [(2, "only if case …")] * 2

    both = walked("if date; then exit 0; else exit 0; fi; mkdir /a")
    assert (both.made, both.skipped) == ({}, [])
    only = walked("set -e; if date; then mkdir /a; else exit 1; fi; date; mkdir /b")
    assert set(only.made) == {"/a", "/b"}
    known = walked('x="a$(date)"; case $x in b*) mkdir /b;; $x) mkdir /a;; esac')
    assert known.made == {}


def test_loops_over_the_unknown_go_on() -> None:
    """What leaves them, leaves them in doubt."""
    read = walked("f() { for i in a $(date) b; do return 1; done; }; f || mkdir /a; mkdir /b")
    assert set(read.made) == {"/a", "/b"}
    deep = walked("for i in $(date); do break 2; done; while date; do exit 3; done; mkdir /b")
    assert set(deep.made) == {"/b"}


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("nice -n 5 make-coffee", "make-coffee is not read"),
        ("ionice -c 3 make-coffee /tmp/x", "make-coffee is not read"),
        ("/usr/share/hello/rm /etc/x", "rm is not read"),
        ("perl -e 'unlink q(etc/x)' /tmp/y", "a program of its own"),
        ("adduser --home /run/hello hello", "only system users are made"),
        ("usermod -d /run/x hello", "its option -d is not read"),
        ("sort -uo /etc/x /etc/y", "a file is sorted in place"),
        ("uniq /etc/x /etc/y", "it may write a file"),
        ("awk '{ print > \"/etc/x\" }' /etc/y", "its program may write"),
        ("sed -n 's/a/b/w /etc/x' /etc/y", "it writes a file"),
        ("udevadm hwdb --update", "the hardware database is not made"),
        ("update-mime-database /usr/share/mime", "the types of files are not put together"),
        ("echo x 2> /etc/errors", "what it writes cannot be known"),
        ("exec > /etc/log", "what it writes cannot be known"),
        ("cp -r /usr /usr/x", "a directory is copied into itself"),
        ("adduser --system --gecos 'a:b' u", "no line of /etc/passwd can say so"),
        ("adduser --system 'x:0:0:r'", "no line of /etc/passwd can say so"),
        ("adduser --system --uid 0 toor", "the user id 0 is somebody else's"),
        ("groupadd -g 0 wheel", "the group id 0 is somebody else's"),
    ],
)
def test_nothing_is_dropped_in_silence(script: str, why: str) -> None:
    """What looks harmless and is not, with the reason."""
    assert [about for _, about in walked(script, FILES).skipped] == [why]


def test_two_temporary_files_are_two() -> None:
    """Private ones, whatever becomes of them."""
    read = walked(
        "a=$(mktemp); b=$(mktemp); [ $a = $b ] && mkdir /same\n"
        "c=$(mktemp /etc/conf.XXXXXX); echo x > $c; mv $c /etc/conf; d=$(mktemp --tmpdir -d n.XXXX)"
    )

    assert read.made["/etc/conf"].startswith("file 0600 ")
    assert "/same" not in read.made
    assert read.made["/tmp/n.XXXXXX0"] == "dir 0700"


def test_a_script_that_changes_another_package_shares_what_it_changed() -> None:
    """So that its ledger counts wherever that file is shipped."""
    found = read(
        package("evil", postinst="echo evil > /usr/lib/libc.so.6"),
        package("libc6"),
        files={"evil": {}, "libc6": {"/usr/lib/libc.so.6": "good"}},
    )

    assert found.configured.overlay.owners["/usr/lib/libc.so.6"] == ("evil", "libc6")


def test_what_a_refused_command_did_before_is_kept() -> None:
    """As the real ones go on with what they can do; in doubt it is in the ledger."""
    assert "/a" in walked("mkdir /a /none/b || true").made
    assert walked("if date; then mkdir /a /none/b; fi").skipped == [(2, "only if date")]
