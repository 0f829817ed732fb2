"""Packages configured in order, with what they divert and what they hide."""

from __future__ import annotations

import random

import pytest
from builders.maintained import package, read, walked
from builders.tar import Files

from imagesmith.model.tree import File, Hardlink, Symlink
from imagesmith.rootfs.effects import configure


def test_dependencies_are_configured_first() -> None:
    """Names decide the rest, and where a cycle is entered."""
    packages = [
        package("a", depends=("d", "b", "none")),
        package("b", depends=("c",)),
        package("c", depends=("b",)),
        package("d", depends=("c",)),
        package("e"),
    ]
    for seed in range(5):
        random.Random(seed).shuffle(packages)  # noqa: S311 - any order will do
        assert [each.name for each in configure.order(packages)] == ["c", "b", "d", "a", "e"]


def test_long_chains_are_no_trouble() -> None:
    """Of thousands of packages."""
    chain = [package(f"p{number:05}", depends=(f"p{number + 1:05}",)) for number in range(5000)]

    assert configure.order(chain)[0].name == "p04999"


def test_a_diverted_file_of_another_package_lies_elsewhere() -> None:
    """Whatever spelling of merged /usr, hard links among them; nothing conflicts."""
    mine, theirs = File.of(b"mine", mode=0o755), File.of(b"theirs", mode=0o755)
    diverts = "dpkg-divert --package mine --add --rename --divert /bin/x.real /bin/x >/dev/null"
    theirs_all: Files = {"/usr/bin/x": theirs, "/usr/bin/y": Hardlink(target="/usr/bin/x")}
    found = read(
        package("mine", preinst=f'if [ "$1" = install ] && [ -z "$2" ]; then {diverts}; fi'),
        package("other"),
        files={
            "mine": {"/usr/bin/x": mine},
            "other": theirs_all,
        },
    )
    tree = found.configured.overlay.tree

    assert tree.entry("/usr/bin/x") == mine
    assert tree.entry("/usr/bin/x.real") == theirs
    assert tree.file("/usr/bin/y") == theirs
    assert found.skipped == []


def test_a_diversion_can_be_made_later_told_of_and_taken_back() -> None:
    """With the file that is there, or without."""
    script = """
dpkg-divert --list /bin/a
dpkg-divert --listpackage /bin/a > /before
dpkg-divert --quiet --add --rename --divert /bin/a.old /bin/a
dpkg-divert --truename /bin/a > /name; dpkg-divert --listpackage /bin/a > /owner
dpkg-divert --local --no-rename --add /bin/b; dpkg-divert --listpackage /bin/b >> /owner
dpkg-divert --divert /bin/c --add /bin/a || mkdir /refused
dpkg-divert --package other --remove /bin/a || mkdir /kept
dpkg-divert --rename --remove /bin/b --local
dpkg-divert --remove /bin/none; dpkg-divert --truename /bin/none >> /name
dpkg-divert --list
"""
    found = walked(script, {"/bin/a": "a"})

    assert {path: found.text(path) for path in ("/before", "/name", "/owner")} == {
        "/before": "",
        "/name": "/bin/a.old\n/bin/none\n",
        "/owner": "hello\nLOCAL\n",
    }
    assert {"/refused", "/kept", "/usr/bin/a.old"} <= set(found.made)
    assert found.made["/usr/bin/a"] == "gone"
    assert found.skipped == [(12, "every diversion is asked for")]


def test_a_preinst_does_not_find_its_own_package() -> None:
    """It is not unpacked yet: what it removes or makes there is lost when it is."""
    script = """
if [ -e /usr/share/doc/hello ]; then rm -rf /usr/share/doc/hello; mkdir /wrong; fi
mkdir -p /usr/share/doc/hello; echo old > /usr/share/doc/hello/README; mkdir /right
[ -e /usr/share/other ] && mkdir /other
"""
    found = read(
        package("hello", preinst=script),
        package("other"),
        files={
            "hello": {"/usr/share/doc/hello/README": "new"},
            "other": {"/usr/share/other": ""},
        },
    )

    assert found.made == {"/other": "dir 0755", "/right": "dir 0755"}


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ('echo "$1:$2:$#:$DPKG_MAINTSCRIPT_NAME:$DPKG_ROOT" > /out', "configure::2:postinst:\n"),
        ("echo $DPKG_MAINTSCRIPT_PACKAGE $DPKG_MAINTSCRIPT_ARCH > /out", "hello amd64\n"),
        ("dpkg --print-architecture > /out; uname -sm >> /out || :", None),
        ("uname -m > /out; uname >> /out", "x86_64\nLinux\n"),
        ('dpkg --compare-versions "$2" lt 1.0 && echo earlier > /out', "earlier\n"),
        ('dpkg --compare-versions "$2" lt-nl 1.0 || echo later > /out', "later\n"),
        ("dpkg --compare-versions 1.0~rc1 ge 1.0 || echo compared > /out", "compared\n"),
        ("dpkg --compare-versions 1:1 gt 2 && dpkg --compare-versions 1 ne 2 && : > /out", ""),
        ("dpkg -s none || dpkg-query -W none || echo absent > /out", "absent\n"),
        ("dpkg --assert-multi-arch && echo yes > /out", "yes\n"),
        ("command -v ln || command -v cp || type=x; which tool > /out", "/usr/bin/tool\n"),
        ("command -v tool > /out; command -v none || command -v exit >> /out", None),
        ('[ -x "$(command -v tool)" ] && readlink -f /bin/link > /out', "/usr/bin/tool\n"),
        ("readlink /bin/link > /out; readlink /bin/tool || readlink -e /x || :", "tool\n"),
        ("stat -c %a /bin/tool > /out; stat -L --format=%u /bin/tool >> /out", "755\n0\n"),
        ("perl -e '' || echo none > /out", None),
        ("ls /bin/tool >/dev/null && ls /none 2>/dev/null || echo gone > /out", "gone\n"),
        ("find / -name x; t=$(mktemp -d); mkdir $t; echo x > $t/y; cat $t/y > /out", "x\n"),
    ],
)
def test_scripts_are_called_and_answered_as_by_dpkg(script: str, expected: str | None) -> None:
    """On a fresh system, where no earlier version was."""
    tool = File.of(b"#!", mode=0o755)
    found = walked(script, {"/usr/bin/tool": tool, "/usr/bin/link": Symlink(target="tool")})

    if expected is not None:
        assert found.text("/out") == expected
        assert found.skipped == []


def test_scripts_in_other_languages_are_left_out_whole() -> None:
    """Nobody knows what they do."""
    found = walked("#!/usr/bin/perl\nunlink '/etc/passwd';\n")

    assert found.skipped == [(1, "written for perl")]


def test_services_questions_and_caches_are_inert() -> None:
    """Each with the reason, and no word of them in the ledger's list of what is missing."""
    script = """
. /usr/share/debconf/confmodule
db_get hello/question || true
deb-systemd-helper enable hello.service >/dev/null || true
invoke-rc.d hello start || exit $?
dpkg-maintscript-helper rm_conffile /etc/old 1.0~ -- "$@"
py3compile -p hello || true
python3.11 -m compileall /usr/lib
ldconfig
update-ca-certificates --hooksdir ""
exec true
"""
    found = walked(script)

    assert found.skipped == []
    assert len(found.ledger.inert) == 9
    assert all(note.about for note in found.ledger.inert)


def test_certificates_without_a_bundle_are_left_out() -> None:
    """The option that would make it is off."""
    found = read(package(postinst="update-ca-certificates"), ca_bundle=False)

    assert found.skipped == [(2, "the ca-bundle option would make the bundle, and is off")]


def test_a_package_without_scripts_changes_nothing() -> None:
    """The overlay is the very one that was given."""
    found = read(package())

    assert found.made == {}
    assert found.configured.ledgers == ()
