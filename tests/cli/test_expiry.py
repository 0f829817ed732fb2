"""Manifests that are good for a time only, and machines whose clock is wrong (A10, A13)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from builders.world import World

from imagesmith.manifest import manifest as manifests
from imagesmith.model.moment import rfc3339

DAY = 24 * 60 * 60


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world that is locked and signed, for one architecture; nothing expires."""
    return World.built(tmp_path, "amd64")


@pytest.fixture
def lasting(world: World) -> World:
    """Return a world whose manifest is good for 30 days."""
    world.edit(world.recipe, "architectures", "valid-days = 30\narchitectures")
    world.ok("lock", str(world.image))
    sign(world)
    return world


def sign(world: World) -> str:
    """Sign the manifest that is there; return what was said."""
    key = str(world.root / "signer.asc")
    return world.ok("sign", str(world.image), "--key", key).err


def parsed(world: World) -> manifests.Manifest:
    """Return the manifest that is there."""
    return manifests.parse(world.manifest.read_bytes(), document="m")


def expire(world: World, at: int) -> None:
    """Let the manifest expire at another time, as its signers could have written."""
    text = world.manifest.read_text()
    world.manifest.write_text(re.sub("(?m)^expires = .*$", f"expires = {rfc3339(at)}", text))
    (world.image / "manifest.toml.asc").unlink()
    sign(world)


def later(world: World, when: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command on a machine whose clock is wrong: by so much, or `@` at that time (UTC)."""
    if not shutil.which("faketime"):
        pytest.skip("no faketime on this host")
    config = str(world.root / "config.toml")
    command = [sys.executable, "-m", "imagesmith", "--config", config, *arguments]
    return subprocess.run(
        ["faketime", "-f", when, *command],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "TZ": "UTC"},
    )


class TestLock:
    """`valid-days` of the recipe decides, and the clock of whoever locks."""

    def test_a_manifest_is_good_for_at_least_so_many_days(self, lasting: World) -> None:
        """Until midnight, UTC, so that everybody who locks on one day gets one manifest."""
        expires = parsed(lasting).expires
        said = lasting.ok("lock", str(lasting.image), "--json")

        assert expires is not None
        assert expires % DAY == 0
        assert 30 * DAY <= expires - time.time() + 60 < 31 * DAY + 120
        assert said.json == {
            "manifest": said.json["manifest"],
            "serial": 2,
            "expires": expires,
            "checks": [],
        }
        assert f", good until {rfc3339(expires)}\n" in said.err

    def test_the_image_does_not_know(self, world: World, lasting: World) -> None:
        """A date decides nothing of its bytes."""
        image = parsed(lasting).expect
        world.edit(world.recipe, "valid-days = 30\n", "")
        world.ok("lock", str(world.image))

        assert parsed(world).expires is None
        assert parsed(world).expect == image

    def test_locking_again_leaves_the_date_alone(self, lasting: World) -> None:
        """Days later, too: nobody need sign it again."""
        before = lasting.manifest.read_bytes()
        done = later(lasting, "+3d", "lock", str(lasting.image))

        assert done.returncode == 0
        assert lasting.manifest.read_bytes() == before
        assert (lasting.image / "manifest.toml.asc").exists()

    def test_an_update_renews_it(self, lasting: World) -> None:
        """With the next serial, even if no version changes; once a day."""
        first = later(lasting, "@2040-01-02 00:00:01", "lock", str(lasting.image), "--update")
        renewed = parsed(lasting)
        later(lasting, "@2040-01-02 12:00:00", "lock", str(lasting.image), "--update")

        assert first.returncode == 0, first.stderr
        assert (
            "hello serial 3: 5 packages for amd64, good until 2040-02-02T00:00:00Z" in first.stderr
        )
        assert renewed.serial == 3
        assert parsed(lasting) == renewed

    def test_an_update_without_a_limit_writes_none(self, world: World) -> None:
        """A manifest without the key never expires."""
        before = world.manifest.read_bytes()
        world.ok("lock", str(world.image), "--update")

        assert world.manifest.read_bytes() == before
        assert b"expires" not in before

    def test_an_expired_manifest_is_a_problem_and_a_warning(self, lasting: World) -> None:
        """`--check` finds it, `lock` says how to renew it and leaves it."""
        expire(lasting, int(time.time()) - DAY)
        at = rfc3339(parsed(lasting).expires or 0)
        checked = lasting.run("lock", str(lasting.image), "--check")
        locked = lasting.ok("lock", str(lasting.image))

        assert (checked.status, checked.out) == (1, f"{lasting.manifest}: expired at {at}\n")
        assert locked.err.startswith(
            f"warning: {lasting.manifest}: expired at {at};"
            f" imagesmith lock {lasting.image} --update renews it\n"
        )
        lasting.ok("lock", str(lasting.image), "--update")
        assert lasting.ok("lock", str(lasting.image), "--check").status == 0


class TestSign:
    """Signing what nobody will accept makes no sense."""

    def test_warns_of_an_expired_manifest(self, lasting: World) -> None:
        """And signs it."""
        expire(lasting, int(time.time()) - DAY)
        at = rfc3339(parsed(lasting).expires or 0)

        refused = f"{lasting.manifest}: expired at {at}; build will refuse it\n"
        assert sign(lasting).startswith(f"warning: {refused}")

    def test_warns_of_a_manifest_of_another_recipe(self, world: World) -> None:
        """Its recipe has changed since."""
        world.recipe.write_text("# a comment\n" + world.recipe.read_text())
        refused = f"{world.manifest}: recipe.toml has changed since lock; build will refuse it\n"

        assert sign(world).startswith(f"warning: {refused}")

    @pytest.mark.parametrize("binary", [False, True])
    def test_a_public_key_signs_nothing(self, world: World, *, binary: bool) -> None:
        """A slip of the hand, named as such."""
        key = world.root / "archive.pgp" if binary else world.root / "signer.pub.asc"
        said = world.run("sign", str(world.image), "--key", str(key))

        assert said.status == 4
        assert said.err == (
            f"error: {key}: this is a public key, which cannot sign; KEY_NO_SECRET [signature]\n"
            "hint: name the file with the secret key\n"
        )


class TestFreeze:
    """Whoever keeps newer manifests from a builder has until the old one expires."""

    @pytest.mark.parametrize("command", ["build -o {tar}", "verify", "verify --rebuild"])
    def test_an_expired_manifest_is_refused(self, command: str, lasting: World) -> None:
        """By build and verify; no image is written, nothing remembered."""
        expire(lasting, int(time.time()) - 60)
        at = rfc3339(parsed(lasting).expires or 0)
        said = lasting.run(*command.format(tar=lasting.tar).split(), str(lasting.image))

        assert (said.status, said.out) == (4, "")
        assert said.err.startswith(f"error: {lasting.manifest}: expired at {at}, now is ")
        assert said.err.endswith(
            f"hint: renew it: imagesmith lock {lasting.image} --update, review, sign\n"
        )
        assert not lasting.tar.exists()
        assert not list((lasting.root / "store" / "memory" / "accepted").glob("*"))

    def test_a_year_later_it_is_over(self, lasting: World) -> None:
        """On a machine that was off in between; a manifest without a date still does."""
        frozen = later(lasting, "+1y", "verify", str(lasting.image))
        now = rfc3339(int(time.time()))
        past = later(lasting, "+1y", "verify", str(lasting.image), "--at", now)

        assert frozen.returncode == 4
        assert "expired at " in frozen.stderr
        assert (past.returncode, past.stderr) == (0, "")

    def test_without_a_date_a_manifest_never_expires(self, world: World) -> None:
        """Years later."""
        assert later(world, "+9y", "verify", str(world.image)).returncode == 0

    def test_auditors_may_ask_about_the_past(self, lasting: World) -> None:
        """`--at` before its end says what was right then; after it, what is wrong."""
        end = parsed(lasting).expires or 0
        signed = int(time.time())
        good = lasting.run("verify", str(lasting.image), "--at", rfc3339(signed + DAY))
        late = lasting.run("verify", str(lasting.image), "--at", rfc3339(end))

        assert (good.status, late.status) == (0, 4)
        assert f"expired at {rfc3339(end)}, now is {rfc3339(end)}" in late.err

    def test_its_end_is_announced(self, lasting: World) -> None:
        """When less than a tenth of its life is left, with the date."""
        expires = parsed(lasting).expires or 0
        early = lasting.run("verify", str(lasting.image), "--at", rfc3339(expires - 4 * DAY))
        near = lasting.run("verify", str(lasting.image), "--at", rfc3339(expires - 2 * DAY))

        assert (early.err, near.status) == ("", 0)
        warning = f"{lasting.manifest}: expires at {rfc3339(expires)}; renew it in time\n"
        assert near.err == f"warning: {warning}"

    def test_scripts_are_told(self, lasting: World, world: World) -> None:
        """Seconds since 1970, or null."""
        lasting_for = lasting.ok("verify", str(lasting.image), "--json").json["manifest"]

        assert lasting_for["expires"] == parsed(world).expires


class TestWrongClock:
    """Nothing can be judged by a clock that is wrong."""

    def test_a_clock_that_is_behind_builds_nothing(self, world: World) -> None:
        """Both times are said, and what to look at."""
        done = later(world, "-2y", "build", str(world.image), "-o", str(world.tar))

        assert done.returncode == 4
        moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
        assert re.search(f"SIG_FUTURE: signature is made at {moment}, now is {moment}", done.stderr)
        assert "hint: check this machine's clock (date -u)" in done.stderr
        assert not world.tar.exists()

    def test_a_clock_that_was_set_back_is_noticed(self, lasting: World) -> None:
        """An expired manifest would be good again; the store knows better."""
        later(lasting, "+20d", "verify", str(lasting.image))
        back = lasting.ok("verify", str(lasting.image))

        assert f"warning: {lasting.manifest}: the clock says " in back.err
        assert "when serial 2 of hello was accepted here" in back.err
