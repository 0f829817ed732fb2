"""`[[script]]`: what somebody acknowledged."""

from __future__ import annotations

import pytest

from imagesmith.errors import DocumentError
from imagesmith.manifest import table as toml
from imagesmith.manifest.sections import Acknowledged
from imagesmith.manifest.sections.script import read_scripts, write_scripts
from imagesmith.model.digest import Digest

ONE, TWO = sorted((Digest.of(b"1"), Digest.of(b"2")))
ENTRY = f'[[script]]\npackage = "nginx"\nname = "postinst"\nsha256 = ["{TWO.hex}", "{ONE.hex}"]\n'


def read(text: str, *, locked: bool = False) -> tuple[Acknowledged, ...]:
    """Read every [[script]]."""
    root = toml.parse(text.encode(), document="r.toml")
    found = read_scripts(root, locked=locked)
    root.end()
    return found


def test_a_script_is_named_by_its_digests() -> None:
    """Sorted, for architectures may have different ones."""
    assert read(ENTRY) == (Acknowledged(package="nginx", name="postinst", digests=(ONE, TWO)),)


def test_a_manifest_says_what_is_left_out() -> None:
    """Which a recipe does not: `lock` finds it."""
    found = Acknowledged(
        package="nginx",
        name="preinst",
        digests=(ONE,),
        because="no service",
        skipped=('line 7: frob "$x"',),
    )
    text = "\n".join(write_scripts((found,)))

    assert read(text, locked=True) == (found,)
    with pytest.raises(DocumentError, match=r"r\.toml: script\[0\]\.skipped: unknown key"):
        read(text)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("nginx", "Nginx", "script[0].package: not a package name: 'Nginx'"),
        ("postinst", "prerm", "script[0].name: expected one of postinst, preinst, got 'prerm'"),
        (ONE.hex, "abc", "script[0].sha256[1]: not a sha256 in lower-case hexadecimal: 'abc'"),
        (f'["{TWO.hex}", "{ONE.hex}"]', "[]", "script[0].sha256: expected at least one"),
        ("[[script]]", f"{ENTRY}[[script]]", "script: postinst of nginx is listed twice"),
    ],
)
def test_a_mistake_is_named_with_its_place(old: str, new: str, message: str) -> None:
    """Only scripts that an installation runs can be acknowledged, each once."""
    with pytest.raises(DocumentError) as e:
        read(ENTRY.replace(old, new, 1))

    assert e.value.message == f"r.toml: {message}"
