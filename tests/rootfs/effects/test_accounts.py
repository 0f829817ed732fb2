"""Users and groups: who is made, with which ids."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from builders.maintained import Read, package, read, walked

from imagesmith.manifest.sections import User
from imagesmith.model.tree import File
from imagesmith.rootfs import generated

SYSUSERS = shutil.which("systemd-sysusers")


def lines(found: Read, users: tuple[User, ...] = ()) -> tuple[list[str], list[str]]:
    """Return the lines of /etc/passwd and /etc/group besides root's."""
    made = generated.accounts(users, found.accounts)
    files = [made["/etc/passwd"], made["/etc/group"]]
    texts = [file.content for file in files if isinstance(file, File)]
    passwd, group = (text.decode().splitlines()[1:] for text in texts if isinstance(text, bytes))
    return passwd, group


@pytest.mark.parametrize(
    ("script", "passwd", "group"),
    [
        (
            "adduser --system --quiet --group --no-create-home --gecos 'Mr X' --home /var/lib/x x",
            ["x:x:100:101:Mr X:/var/lib/x:/usr/sbin/nologin"],
            ["x:x:101:"],
        ),
        ("adduser --system x", ["x:x:100:65534::/nonexistent:/usr/sbin/nologin"], []),
        (
            "adduser --system --uid 110 --gid 12 --shell /bin/sh --disabled-login x",
            ["x:x:110:12::/nonexistent:/bin/sh"],
            [],
        ),
        (
            "addgroup --system g; adduser --system --ingroup g x; adduser x audio",
            ["x:x:100:101::/nonexistent:/usr/sbin/nologin"],
            ["audio:x:29:x", "g:x:101:"],
        ),
        ("addgroup --gid 200 g; addgroup g; adduser --group g", [], ["g:x:200:"]),
        (
            "useradd --system -g mail -G adm,tty -d /srv/x -s /bin/sh -c Comment -u 99 x",
            ["x:x:99:8:Comment:/srv/x:/bin/sh"],
            ["adm:x:4:x", "tty:x:5:x"],
        ),
        ("useradd -r x", ["x:x:100:101::/home/x:/bin/sh"], ["x:x:101:"]),
        ("useradd -r -N x", ["x:x:100:100::/home/x:/bin/sh"], []),
        (
            "groupadd -r -g 77 g; groupadd -f g; groupadd g || groupadd h",
            [],
            ["g:x:77:", "h:x:101:"],
        ),
        ("adduser --system a; usermod -a -G adm,mail a", None, ["adm:x:4:a", "mail:x:8:a"]),
        (
            "adduser --system --uid x a || adduser --system --uid 75 a",
            ["a:x:75:65534::/nonexistent:/usr/sbin/nologin"],
            [],
        ),
        ("adduser; addgroup; useradd; groupadd; useradd www-data; useradd -u x y", [], []),
        ("adduser --system www-data; adduser --system root; addgroup adm", [], []),
    ],
)
def test_commands_make_accounts(script: str, passwd: list[str] | None, group: list[str]) -> None:
    """As adduser and useradd would on a fresh system."""
    found = walked(script)

    assert found.skipped == []
    assert lines(found) == (lines(found)[0] if passwd is None else passwd, group)


def test_what_is_not_read_is_left_out() -> None:
    """People, unknown names and other changes."""
    script = """
adduser somebody
adduser nobody-knows audio
adduser www-data nothing
usermod -d /home/x www-data
adduser --add_extra_groups --system x
passwd -l www-data
"""
    found = walked(script)

    assert found.skipped == [
        (3, "only system users are made"),
        (4, "no user nobody-knows is known"),
        (5, "no group nothing is known"),
        (6, "its option -d is not read"),
        (7, "its option --add_extra_groups is not read"),
    ]


def test_ids_come_from_the_recipe_for_its_names_and_are_nobody_else_s() -> None:
    """The recipe's own users win, in ids and in /etc/passwd."""
    users = (User(name="x", uid=100, gid=100, home="/x"), User(name="y", uid=101, gid=102))
    found = read(
        package(postinst="adduser --system --group x; adduser --system --group z; adduser x adm"),
        users=users,
    )

    assert [(each.name, each.uid, each.gid) for each in found.accounts.users] == [
        ("x", 100, 100),
        ("z", 102, 101),
    ]
    assert lines(found, users) == (
        [
            "x:x:100:100:x:/x:/usr/sbin/nologin",
            "y:x:101:102:y:/:/usr/sbin/nologin",
            "z:x:102:101::/nonexistent:/usr/sbin/nologin",
        ],
        ["x:x:100:", "y:x:102:", "adm:x:4:x", "z:x:101:"],
    )


def test_ids_follow_the_order_of_configuration() -> None:
    """Dependencies first, names otherwise; whatever order the packages are given in."""
    scripts = {name: f"adduser --system {name}" for name in ("a", "b", "c")}
    packages = [
        package("a", depends=("c",), postinst=scripts["a"]),
        package("b", postinst=scripts["b"]),
        package("c", postinst=scripts["c"]),
    ]
    found = [read(*packages).accounts, read(*reversed(packages)).accounts]

    assert found[0] == found[1]
    assert [each.name for each in found[0].users] == ["c", "a", "b"]
    assert found[0].of({"a"}).users == (found[0].users[1],)


def test_homes_are_made_unless_they_are_there() -> None:
    """They are the user's; what lies there stays as it is."""
    found = walked(
        "adduser --system --group --home /var/lib/x x; adduser --system --home /srv y\n"
        "useradd -m -d /home/z z",
        {"/srv/file": ""},
    )

    assert {path: line for path, line in found.made.items() if ":" in line} == {
        "/home/z": "dir 0755 102:102",
        "/var/lib/x": "dir 0755 100:101",
    }


def test_accounts_can_be_asked_for() -> None:
    """By getent and id, before and after they are made."""
    script = """
getent passwd x || getent group x || id -u x || adduser --system --group x
getent passwd x && getent group x && id -u x > /uid && id -g x > /gid && id -Gn x > /groups
id -u > /me; id -un >> /me; adduser x adm; id -Gn x >> /groups
"""
    found = walked(script)

    assert [found.text(path) for path in ("/uid", "/gid", "/me", "/groups")] == [
        "100\n",
        "101\n",
        "0\nroot\n",
        "x\nx adm\n",
    ]


CONF = """\
# accounts of a package
g  group  -
u  user   -      "A user"  /var/lib/user
u  fixed  77
u! member 78:group  -      -  /bin/sh
m  user   audio
m  user   new
r  -      500-900
"""


def test_sysusers_are_made_from_the_files_named() -> None:
    """Groups, users, members, in the file's order; nobody from other files."""
    files = {
        "/usr/lib/sysusers.d/a.conf": CONF,
        "/usr/lib/sysusers.d/b.conf": "u other -\n",
        "/usr/lib/sysusers.d/README": "none\n",
    }
    found = walked('systemd-sysusers ${DPKG_ROOT:+--root="$DPKG_ROOT"} a.conf', files)

    assert lines(found) == (
        [
            "fixed:x:77:77::/:/usr/sbin/nologin",
            "member:x:78:101::/:/bin/sh",
            "user:x:100:102:A user:/var/lib/user:/usr/sbin/nologin",
        ],
        ["audio:x:29:user", "fixed:x:77:", "group:x:101:", "user:x:102:", "new:x:103:user"],
    )
    everybody = walked("systemd-sysusers", files)
    assert [each.name for each in everybody.accounts.users] == ["fixed", "member", "user", "other"]


@pytest.mark.parametrize(
    "line", ["x odd", "u", "u name /file", 'u "open', "u %a -", "u name 75:group:x -"]
)
def test_odd_lines_of_sysusers_are_left_out(line: str) -> None:
    """All of the file, with the line that is not understood."""
    found = walked("systemd-sysusers a.conf", {"/usr/lib/sysusers.d/a.conf": f"{line}\n"})

    assert len(found.skipped) == (0 if line.startswith("u name 75") else 1)


def test_sysusers_without_a_file_are_left_out() -> None:
    """Missing, or not in a file at all."""
    assert len(walked("systemd-sysusers none.conf\nsystemd-sysusers - </dev/null").skipped) == 2


@pytest.mark.skipif(SYSUSERS is None, reason="no systemd-sysusers to judge by")
def test_sysusers_has_the_names_that_the_real_one_makes(tmp_path: Path) -> None:
    """Ids that are asked for, groups and members; the free ids are ours."""
    conf = tmp_path / "usr/lib/sysusers.d/a.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text(CONF.replace("u! ", "u ").replace("audio", "group"))
    (tmp_path / "etc").mkdir()
    ended = subprocess.run(
        [str(SYSUSERS), f"--root={tmp_path}", str(conf)], capture_output=True, check=False
    )
    if ended.returncode:
        pytest.skip("systemd-sysusers does not run here")
    found = walked("systemd-sysusers a.conf", {"/usr/lib/sysusers.d/a.conf": conf.read_text()})
    passwd, group = lines(found)
    real = [(tmp_path / name).read_text().splitlines() for name in ("etc/passwd", "etc/group")]

    def names(text: list[str], *fields: int) -> list[list[str]]:
        return sorted([line.split(":")[field] for field in fields] for line in text)

    assert names(passwd, 0, 4, 5, 6) == names(real[0], 0, 4, 5, 6)
    assert names(group, 0, 3) == names(real[1], 0, 3)
