"""The Java runtime around a launcher, in the layouts there are."""

from __future__ import annotations

from builders.elf import make_elf
from builders.roots import Content
from builders.ruled import a_library, a_program, ruled, shipped

HOME = "/usr/lib/jvm/java-17"
ORIGIN = "$ORIGIN:$ORIGIN/../lib"
SYSTEM: dict[str, Content] = {
    f"{HOME}/bin/java": a_program(needed=["libjli.so"], rpath=ORIGIN),
    f"{HOME}/bin/keytool": a_program(needed=["libjli.so"], rpath=ORIGIN),
    f"{HOME}/conf/net.properties": "/etc/java-17/net.properties",
    f"{HOME}/legal/java.base/LICENSE": b"",
    f"{HOME}/lib/ct.sym": b"",
    f"{HOME}/lib/jspawnhelper": a_program(),
    f"{HOME}/lib/libjava.so": make_elf(needed=["libjvm.so"], soname="libjava.so", rpath="$ORIGIN"),
    f"{HOME}/lib/libjli.so": a_library("libjli.so"),
    f"{HOME}/lib/libnet.so": make_elf(needed=["libjvm.so", "libjava.so"], rpath="$ORIGIN"),
    f"{HOME}/lib/modules": b"",
    f"{HOME}/lib/server/libjvm.so": a_library("libjvm.so", needed=["libstdc++.so.6"]),
    f"{HOME}/man/man1/java.1.gz": b"",
    f"{HOME}/release": b"",
    "/etc/java-17/net.properties": b"",
    "/usr/lib/libstdc++.so.6": a_library("libstdc++.so.6"),
}


def test_the_runtime_around_the_launcher_is_shipped() -> None:
    """What runs programs, and the configuration its links lead to; other commands are not."""
    found = ruled(SYSTEM, f"{HOME}/bin/java")

    assert {path.removeprefix(f"{HOME}/") for path in shipped(found, "java")} == {
        "/etc/java-17/net.properties",
        "lib/jspawnhelper",
        "lib/libjava.so",
        "lib/libnet.so",
        "lib/modules",
        "lib/server/libjvm.so",
        "release",
    }
    assert f"{HOME}/conf/net.properties" in found.paths
    assert found.warnings == ()


def test_the_machine_is_loaded_before_what_needs_it() -> None:
    """No search path of libjava leads to libjvm: it is in the process already."""
    found = ruled(SYSTEM, f"{HOME}/bin/java")

    assert found.paths[f"{HOME}/lib/server/libjvm.so"].needed_by == f"{HOME}/lib/libjli.so"
    assert found.paths[f"{HOME}/lib/libjava.so"].needed_by == f"{HOME}/lib/server/libjvm.so"
    assert found.paths["/usr/lib/libstdc++.so.6"].needed_by == f"{HOME}/lib/server/libjvm.so"


def test_a_link_to_the_launcher_does_as_well() -> None:
    """As update-alternatives makes it."""
    found = ruled({**SYSTEM, "/usr/bin/java": f"{HOME}/bin/java"}, "/usr/bin/java")

    assert f"{HOME}/lib/modules" in found.paths


def test_a_program_that_embeds_the_machine_gets_the_runtime() -> None:
    """It links to libjvm; libjli is shipped like any library of the runtime."""
    extra: dict[str, Content] = {
        "/usr/bin/app": a_program(needed=["libjvm.so"], rpath=f"{HOME}/lib/server")
    }
    found = ruled({**SYSTEM, **extra}, "/usr/bin/app")

    assert {f"{HOME}/lib/modules", f"{HOME}/lib/libjli.so"} <= {*found.paths}


def test_older_runtimes_are_known_by_another_landmark() -> None:
    """Java 8 has rt.jar, and directories of the machine's name."""
    home = "/usr/lib/jvm/java-8/jre"
    content: dict[str, Content] = {
        f"{home}/bin/java": a_program(needed=["libjli.so"], rpath="$ORIGIN/../lib/amd64/jli"),
        f"{home}/lib/amd64/jli/libjli.so": a_library("libjli.so"),
        f"{home}/lib/amd64/libjava.so": make_elf(needed=["libjvm.so"], rpath="$ORIGIN"),
        f"{home}/lib/amd64/server/libjvm.so": a_library("libjvm.so"),
        f"{home}/lib/rt.jar": b"",
    }
    found = ruled(content, f"{home}/bin/java")

    assert {f"{home}/lib/rt.jar", f"{home}/lib/amd64/libjava.so"} <= {*found.paths}


def test_links_that_lead_nowhere_are_warned_of() -> None:
    """Debian's store of certificates is made when a package is installed; a recipe may have it."""
    link, target = f"{HOME}/lib/security/cacerts", "/etc/ssl/certs/java/cacerts"
    bare = ruled({**SYSTEM, link: target}, f"{HOME}/bin/java")
    made = ruled({**SYSTEM, link: target}, f"{HOME}/bin/java", promised=frozenset({target}))

    assert bare.warnings == (f"{link}: leads to {target}, which the packages do not have",)
    assert made.warnings == ()


def test_a_launcher_without_a_runtime_is_warned_of() -> None:
    """It would not start anything."""
    content: dict[str, Content] = {
        "/usr/bin/java": a_program(needed=["libjli.so"]),
        "/usr/lib/libjli.so": a_library("libjli.so"),
    }

    assert ruled(content, "/usr/bin/java").warnings == (
        "/usr/lib/libjli.so: there is no Java runtime around it in the packages",
    )
