"""Commands that change files, held against the real ones."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from builders.disk import FILES, in_tree, laid_out, on_disk
from builders.maintained import walked

SCRIPTS = [
    "mkdir $R/a $R/b; mkdir $R/a || echo there > $R/said; mkdir -p $R/a/b/c; mkdir -m 700 $R/m",
    "mkdir -p -m 1777 $R/x/y; mkdir $R/none/x || mkdir $R/refused; mkdir -v; mkdir $R/link/new",
    "ln -s a $R/new; ln -s b $R/new || ln -sf c $R/new; ln -s target $R/d; ln -sfn x $R/link",
    "ln $R/d/file $R/second; ln $R/none $R/third || ln $R/d/hard $R/fourth; ln -sT a $R/t",
    "ln -s d/file d/exec $R/e; ln -s -t $R/e d/sub; ln $R/d/file $R/e/",
    "cp $R/d/exec $R/copy; cp $R/setuid $R/plain; cp -p $R/setuid $R/kept; cp $R/d/file $R/e",
    "cp $R/d $R/no || cp -r $R/d $R/yes; cp -a $R/link $R/link2; cp $R/to-file $R/followed",
    "cp -d $R/to-file $R/linked; cp -n $R/d/exec $R/d/file; cp -r $R/d $R/e",
    "cp -rT $R/d $R/e; cp $R/none $R/x || cp $R/d/exec $R/d/file $R/none || touch $R/both",
    "mv $R/d/file $R/moved; mv $R/d $R/e; mv $R/link $R/renamed; mv $R/none $R/x || touch $R/no",
    "mv $R/setuid $R/to-file $R/e; mv -n $R/e/setuid $R/e/to-file; mv -T $R/e $R/f",
    "rm $R/d/file; rm $R/none || rm -f $R/none; rm $R/d || rm -r $R/d; rm $R/link",
    "rm $R/d/exec; rmdir $R/e; rmdir $R/d || touch $R/full; rmdir $R/none || touch $R/none2",
    "rmdir --ignore-fail-on-non-empty $R/d; mkdir -p $R/p/q/r; cd $R; rmdir -p p/q/r",
    "chmod 600 $R/d/exec; chmod u+s,g-w $R/d/file; chmod -R go-rwx $R/d; chmod 755 $R/e",
    "chmod a=rX $R/d/file; chmod +x $R/d/file; chmod -x $R/setuid; chmod g=u,o= $R/e || :",
    "chmod 00755 $R/e; chmod u=rwx,g=rx,o=t $R/e; chmod 4711 $R/to-file; chmod ug+X $R/d/file",
    "chmod 644 $R/none || chmod bad $R/d/file || touch $R/refused; chmod a+t $R/d; chmod -w $R/d",
    "touch $R/new $R/d/file; touch -c $R/none; touch $R/none/x || touch $R/refused",
    "install -d -m 750 $R/i/j $R/e; install -m 600 $R/d/exec $R/installed; install $R/d/file $R/e",
    "install -D $R/d/file $R/u/v/w; install /dev/null $R/empty; install $R/none $R/x || touch $R/n",
    "echo a > $R/out; echo b >> $R/out; echo c > $R/d/file; echo d > $R/link/x; : > $R/d/exec",
    "echo a > $R/none/x || touch $R/refused; echo a >| $R/to-file; { echo b; echo c; } >> $R/out",
    "umask 077; mkdir -p $R/u/v; touch $R/t; echo x > $R/x; cp $R/d/exec $R/c",
    "(umask 0; touch $R/o); touch $R/p",
    "umask 066; mkdir $R/u; cp -r $R/d $R/c; ln -s x $R/l; install $R/d/file $R/i; umask > $R/m",
    "rm -rf $R/d/* $R/[el]*; touch $R/a$R/b || touch $R/'a b' $R/\"*\"",
    "ln -s loop $R/loop; touch $R/loop || rm $R/loop; ln -s ../none $R/d/up; touch $R/d/up",
]


@pytest.mark.parametrize("script", SCRIPTS)
def test_files_end_as_the_real_commands_leave_them(script: str, tmp_path: Path) -> None:
    """Modes, links, contents, and which command fails."""
    root = tmp_path / "root"
    laid_out(root, FILES)
    subprocess.run(
        ["sh", "-c", f"umask 022\n{script}"],
        env={"R": str(root), "PATH": os.environ["PATH"], "LC_ALL": "C"},
        capture_output=True,
        check=False,
    )
    relative = script.replace("cd $R; rmdir -p p/q/r", "rmdir -p $R/p/q/r")
    read = walked(f"R=\n{relative}", FILES)

    assert read.skipped == []
    assert in_tree(read.configured.overlay.tree) == on_disk(root)


def test_owners_are_known_by_name() -> None:
    """Of every system, of the scripts themselves, of the recipe; the kernel takes setuid away."""
    script = """
chown root:adm /d/file
chown www-data: /setuid
addgroup --system made
chgrp -R made /d/sub
chown 7 /e
chown -h :games /link
chown nobody.nogroup /to-file
chown someone /d/exec
chgrp someones /d/exec
chown --reference=/e /d/exec
chown --from=root x /d/exec
chmod --reference=/e /d/exec
chown root /none || mkdir /refused
"""
    read = walked(script, FILES)

    assert {path: line.split(" ")[:3] for path, line in read.made.items()} == {
        "/d/file": ["file", "0640", "65534:65534"],
        "/d/sub": ["dir", "0755", "0:101"],
        "/d/sub/deep": ["file", "0644", "0:101"],
        "/e": ["dir", "2775", "7:0"],
        "/link": ["symlink", "0:60", "d"],
        "/refused": ["dir", "0755"],
        "/setuid": ["file", "0755", "33:33"],
    }
    assert read.skipped == [
        (10, "no user someone is known"),
        (11, "no group someones is known"),
        (12, "owners are not taken from other files"),
        (13, "owners are not taken from other files"),
        (14, "modes are not taken from other files"),
    ]


def test_a_configuration_is_put_where_it_is_missing() -> None:
    """As ucf does on a fresh system; what is there stays."""
    read = walked(
        "ucf --debconf-ok /usr/share/a.conf /etc/a.conf; ucf /usr/share/a.conf /d/file\n"
        "ucf /usr/share/none /etc/b\nucf --purge /etc/a\nucf a",
        {**FILES, "/usr/share/a.conf": "a\n", "/etc/x": ""},
    )

    assert set(read.made) == {"/etc/a.conf"}
    assert [line for line, _ in read.skipped] == [3, 4, 5]


def test_overrides_give_owner_and_mode() -> None:
    """There are none to tell of on a fresh system."""
    read = walked(
        "dpkg-statoverride --list /e >/dev/null || chmod 700 /e\n"
        "dpkg-statoverride --update --add root shadow 2755 /d/exec\n"
        "dpkg-statoverride --update --add root shadow 2755 /none\n"
        "dpkg-statoverride --remove /e\ndpkg-statoverride --add root",
        FILES,
    )

    assert read.made["/d/exec"].startswith("file 2755 0:42 ")
    assert [line for line, _ in read.skipped] == [6]


def test_what_was_written_and_is_not_known_stays_so() -> None:
    """Whoever works on it is in the ledger, and no test of it is decided."""
    read = walked(
        "date > /etc/x.new\nmv /etc/x.new /etc/x\n"
        "[ -e /etc/x.new ] && mkdir /a\ncat /etc/x.new > /b",
        {"/etc/passwd.d": ""},
    )

    assert read.made == {}
    assert read.skipped == [
        (2, "what it writes cannot be known"),
        (3, "it works on what cannot be known"),
        (4, "only if [ -e /etc/x.new ]"),
        (5, "what it writes cannot be known"),
    ]


def test_generated_files_are_not_written() -> None:
    """Accounts and the loader's cache come from elsewhere, which is no loss."""
    read = walked("echo x:x:1:1::/: >> /etc/passwd; touch /etc/shadow")

    assert read.made == {}
    assert read.skipped == []
    assert {note.about for note in read.ledger.inert} == {"accounts are generated"}
