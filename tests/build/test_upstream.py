"""The archive chain, replayed from the evidence that a manifest names."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import attrs
import pytest
from builders.archive import DATE
from builders.openpgp import (
    DAY,
    T0,
    certificate,
    certify,
    cleartext,
    detached,
    direct,
    flags,
    key_lifetime,
    make_key,
    primary,
    reason,
    user_id,
)
from builders.world import (
    ARCHIVE_KEY,
    World,
    base_files,
    binary,
    certificates,
    greeting,
    libc,
    packages,
)

from imagesmith.audit.problem import CODES
from imagesmith.build import upstream
from imagesmith.build.effects import Effects
from imagesmith.build.upstream import Replay
from imagesmith.fetch import Fetcher
from imagesmith.manifest import manifest as manifests
from imagesmith.manifest.manifest import Manifest
from imagesmith.manifest.pins import Artefact, Evidence, Pin, UsedIndex
from imagesmith.model.arch import parse
from imagesmith.model.digest import Digest
from imagesmith.store import Store

NOW = T0 + 1000 * DAY
HOME = "mirror/dists/bookworm"
AMD64 = "main/binary-amd64/Packages.xz"
RING = certificate(ARCHIVE_KEY)
OTHER = make_key("other archive")


@attrs.frozen
class Locked:
    """A locked world, and what was locked."""

    world: World
    manifest: Manifest

    @classmethod
    def of(cls, world: World) -> Locked:
        """Read the manifest of a locked world."""
        return cls(world, manifests.parse(world.manifest.read_bytes(), document="m"))

    @property
    def evidence(self) -> Evidence:
        """What the manifest says of its one source."""
        return self.manifest.sources[0][1]

    @property
    def amd64(self) -> UsedIndex:
        """What it says of one index."""
        return dict(self.evidence.indices)[AMD64]

    @property
    def store(self) -> Store:
        """The store that lock filled."""
        return Store.open(self.world.root / "store")

    def effects(
        self, *, now: int = NOW, keyrings: tuple[bytes, ...] = (), online: bool = False
    ) -> Effects:
        """Return the store, and the mirror if `online`."""
        return Effects(
            store=self.store,
            stream=Fetcher().stream if online else None,
            mirrors=lambda _: (str(self.world.root / "mirror"),),
            certificates=keyrings,
            now=now,
        )

    def recording(self, **changes: object) -> Manifest:
        """Return the manifest with other evidence."""
        evidence = attrs.evolve(self.evidence, **changes)  # type: ignore[arg-type]  # of any field
        return attrs.evolve(self.manifest, sources=(("debian", evidence),))

    def using(self, path: str, used: UsedIndex) -> Manifest:
        """Return the manifest with another index."""
        indices = {**dict(self.evidence.indices), path: used}
        return self.recording(indices=tuple(sorted(indices.items())))

    def lose(self, *digests: Digest | None) -> None:
        """Take blobs out of the store."""
        for digest in digests:
            assert digest is not None
            self.world.blob(digest.hex).unlink()


@pytest.fixture
def locked(tmp_path: Path) -> Locked:
    """Return a world for two architectures."""
    return Locked.of(World.built(tmp_path))


def replay(locked: Locked, manifest: Manifest | None = None, **effects: object) -> Replay:
    """Replay, offline and without any keyring of this host unless told otherwise."""
    found = upstream.replay(
        manifest or locked.manifest,
        locked.effects(**effects),  # type: ignore[arg-type]  # as above
    )
    assert all(problem.code in CODES for problem in found.problems)
    return found


def problems(found: Replay) -> list[tuple[str, str]]:
    """Return places and codes."""
    return [(each.place, each.code) for each in found.problems]


def test_a_lock_leaves_a_chain_that_can_be_replayed(locked: Locked) -> None:
    """Offline, without keyrings, and without anything that was derived."""
    shutil.rmtree(locked.world.root / "store" / "derived")
    plain = locked.world.root / HOME / "main" / "binary-amd64" / "Packages"
    locked.lose(Digest.of(plain.read_bytes()))
    found = replay(locked)
    (chain,) = found.chains
    (signer,) = chain.signers

    assert found.problems == ()
    assert (chain.source, chain.suite) == ("debian", "bookworm")
    assert (chain.origin, chain.codename, chain.date) == ("Synthetic", "bookworm", DATE)
    assert chain.artefacts == 10
    assert chain.notes == (
        f"{ARCHIVE_KEY.fingerprint} is in no keyring of this host: only the manifest names it",
    )
    assert (signer.primary, signer.key) == (ARCHIVE_KEY.fingerprint,) * 2
    assert (signer.created, signer.lapsed) == (T0 + DAY, "")


def test_the_evidence_is_the_archives_own_words(locked: Locked) -> None:
    """The kept stanzas are a Packages file: those of the pins, in the index's order."""
    index = (locked.world.root / HOME / "main" / "binary-amd64" / "Packages").read_bytes()
    excerpt = locked.store.read(locked.amd64.stanzas)

    assert excerpt == index.removesuffix(b"\n")


class TestKeys:
    """Judged at the release file's date."""

    def relocked(self, tmp_path: Path, ring: bytes) -> Locked:
        """Lock with this keyring."""
        world = World.make(tmp_path, "amd64")
        (world.root / "archive.pgp").write_bytes(ring)
        world.ok("lock", str(world.image))
        return Locked.of(world)

    def test_a_certificate_may_have_expired_since(self, tmp_path: Path) -> None:
        """The chain holds, and the signer is said not to be accepted today."""
        years = 20 * 365 * DAY
        mortal = certify(ARCHIVE_KEY, more=flags(0x03) + key_lifetime(years))
        locked = self.relocked(tmp_path, primary(ARCHIVE_KEY) + user_id() + mortal)
        before, after = (replay(locked, now=T0 + years + delta) for delta in (-DAY, DAY))

        assert before.problems == after.problems == ()
        assert before.chains[0].signers[0].lapsed == ""
        assert after.chains[0].signers[0].lapsed.startswith("KEY_EXPIRED: ")

    def test_a_key_found_to_be_compromised_proves_nothing(self, locked: Locked) -> None:
        """The revocation may be in a keyring of today only."""
        revoked = certificate(ARCHIVE_KEY, direct(ARCHIVE_KEY, kind=0x20, more=reason(2)))
        found = replay(locked, keyrings=(revoked,))

        assert problems(found) == [("source.debian.release", "upstream-release")]
        assert "KEY_REVOKED_HARD" in found.problems[0].problem
        assert found.chains == ()

    def test_a_retired_key_still_proves_what_it_signed(self, locked: Locked) -> None:
        """A soft revocation is a note."""
        retired = direct(ARCHIVE_KEY, created=T0 + 9 * DAY, kind=0x20, more=reason(3))
        found = replay(locked, keyrings=(certificate(ARCHIVE_KEY, retired),))

        assert found.problems == ()
        assert found.chains[0].signers[0].lapsed.startswith("KEY_REVOKED_SOFT: ")

    def test_only_pinned_keys_count(self, locked: Locked) -> None:
        """Whatever the evidence holds."""
        source = attrs.evolve(locked.evidence.source, signed_by=(OTHER.fingerprint,))
        found = replay(locked, locked.recording(source=source))

        assert problems(found) == [("source.debian.release", "upstream-release")]

    def test_every_recorded_signer_is_asked_for(self, locked: Locked) -> None:
        """A key that did not sign, and one that is not pinned, are named."""
        source = attrs.evolve(
            locked.evidence.source, signed_by=(ARCHIVE_KEY.fingerprint, OTHER.fingerprint)
        )
        signers = (ARCHIVE_KEY.fingerprint, OTHER.fingerprint)
        found = replay(locked, locked.recording(source=source, signers=signers))

        assert problems(found) == [("source.debian.signers", "upstream-release")]
        assert found.problems[0].problem.startswith(f"{OTHER.fingerprint}: not signed by any")
        assert found.chains[0].artefacts == 10

    def test_a_signer_must_be_pinned(self, locked: Locked) -> None:
        """A good signature by somebody else does not make up for it."""

        def sign(text: bytes) -> bytes:
            return detached(text, ARCHIVE_KEY) + detached(text, OTHER)

        world = locked.world
        world.publish(packages("amd64", "arm64"), sign_cleartext=None, sign_detached=sign)
        world.ok("lock", str(world.image), "--update")
        again = Locked.of(world)
        signers = (ARCHIVE_KEY.fingerprint, OTHER.fingerprint)
        found = replay(again, again.recording(signers=signers), keyrings=(certificate(OTHER),))

        assert [each.problem for each in found.problems] == [
            f"{OTHER.fingerprint}: not in signed-by"
        ]

    def test_a_clock_before_the_signature_is_wrong(self, locked: Locked) -> None:
        """Nothing is signed in the future."""
        found = replay(locked, now=DATE - 2 * DAY)

        assert problems(found) == [("source.debian.release", "upstream-release")]
        assert "SIG_FUTURE" in found.problems[0].problem


class TestRelease:
    """What the manifest says of the release file is what the file says."""

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"origin": "Debian"}, "expected Debian, dists/bookworm/InRelease says Synthetic"),
            ({"codename": "sid"}, "expected sid, dists/bookworm/InRelease says bookworm"),
            (
                {"date": DATE + 60},
                "expected 2023-11-14T22:14:20Z, dists/bookworm/InRelease says 2023-11-14T22:13:20Z",
            ),
        ],
    )
    def test_a_difference_is_named(
        self, locked: Locked, changes: dict[str, object], problem: str
    ) -> None:
        """With both sides."""
        found = replay(locked, locked.recording(**changes))
        (key,) = changes

        assert problems(found) == [(f"source.debian.{key}", "upstream-release")]
        assert found.problems[0].problem == problem

    def test_another_suite_is_named(self, locked: Locked) -> None:
        """The release file must be the one that was asked for."""
        source = attrs.evolve(locked.evidence.source, suite="trixie")
        found = replay(locked, locked.recording(source=source))

        assert problems(found) == [("source.debian.suite", "upstream-release")]

    def test_another_file_is_no_release_file(self, locked: Locked) -> None:
        """Whatever blob is named."""
        found = replay(locked, locked.recording(release=locked.amd64.stanzas))

        assert problems(found) == [("source.debian.release", "upstream-release")]

    def test_both_forms_can_be_replayed(self, locked: Locked) -> None:
        """Release with Release.gpg, from the store or from a mirror."""
        world = locked.world
        sign = partial(detached, key=ARCHIVE_KEY)
        world.publish(packages("amd64", "arm64"), sign_cleartext=None, sign_detached=sign)
        world.ok("lock", str(world.image), "--update")
        again = Locked.of(world)
        kept = replay(again)
        again.lose(again.evidence.release, again.evidence.release_signature)

        assert kept.problems == ()
        assert replay(again, online=True).problems == ()


class TestIndices:
    """What the release file names, and what stands in there."""

    def test_another_index_is_refused(self, locked: Locked) -> None:
        """Even one that says the same."""
        used = attrs.evolve(locked.amd64, digest=Digest.of(b"other"))
        found = replay(locked, locked.using(AMD64, used))

        assert problems(found) == [(f'source.debian.index."{AMD64}"', "upstream-index")]
        assert found.chains[0].artefacts == 5

    def test_an_index_that_is_not_listed_is_refused(self, locked: Locked) -> None:
        """A path of somebody's own."""
        found = replay(locked, locked.using("contrib/binary-amd64/Packages.xz", locked.amd64))
        (problem,) = found.problems

        assert problem.code == "upstream-index"
        assert problem.problem.endswith(", the release file names nothing")

    def test_an_index_of_another_component_is_refused(self, locked: Locked) -> None:
        """What the archive calls non-free is not vouched for as main."""
        source = attrs.evolve(locked.evidence.source, components=("non-free",))
        found = replay(locked, locked.recording(source=source))

        assert {problem.code for problem in found.problems} == {"upstream-index"}
        assert found.chains[0].artefacts == 0

    def test_the_size_counts_as_well(self, locked: Locked) -> None:
        """A release file that names another size names another file."""
        text = (locked.world.root / HOME / "Release").read_text()
        index = (locked.world.root / HOME / AMD64).read_bytes()
        line = f"{len(index):>8} {AMD64}"
        assert line in text
        wrong = text.replace(line, f"{len(index) + 1:>8} {AMD64}").encode()
        blob = locked.store.add([cleartext(wrong, ARCHIVE_KEY)])
        found = replay(locked, locked.recording(release=blob.digest))

        assert problems(found) == [(f'source.debian.index."{AMD64}"', "upstream-index")]
        assert f"expected {len(index) + 1} bytes, got {len(index)}" in found.problems[0].problem

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            (lambda text: text + b"X: y\n", "stanza"),
            (lambda text: b"X: y\n\n" + text, "stanza"),
            (lambda text: text.replace(b"\n\n", b"\n\n\n", 1), "stanza"),
            (lambda text: text.replace(b"Size: ", b"Size: x", 1), "stanza"),
            (lambda text: text.partition(b"\n\n")[2], "pin"),
            (lambda _: b"", "pin"),
        ],
    )
    def test_stanzas_stand_in_the_index_byte_for_byte(
        self, locked: Locked, change: Callable[[bytes], bytes], code: str
    ) -> None:
        """Nothing is changed, added or left out."""
        excerpt = change(locked.store.read(locked.amd64.stanzas))
        used = attrs.evolve(locked.amd64, stanzas=locked.store.add([excerpt]).digest)
        found = replay(locked, locked.using(AMD64, used))

        assert f"upstream-{code}" in [problem.code for problem in found.problems]

    def test_a_stanza_without_a_pin_is_named(self, locked: Locked) -> None:
        """What is kept is what is pinned."""
        artefacts = tuple(each for each in locked.manifest.artefacts if each.name != "hello")
        found = replay(locked, attrs.evolve(locked.manifest, artefacts=artefacts))

        assert [each.problem for each in found.problems] == [
            "hello 1.0-1 amd64: kept for amd64, and not pinned",
            "hello 1.0-1 arm64: kept for arm64, and not pinned",
        ]


class TestPins:
    """Each is what a stanza says."""

    def with_pin(self, locked: Locked, change: Callable[[Artefact, Pin], Artefact]) -> Manifest:
        """Change hello's pin for amd64."""
        artefacts = tuple(
            change(each, each.pins[0][1]) if each.name == "hello" else each
            for each in locked.manifest.artefacts
        )
        return attrs.evolve(locked.manifest, artefacts=artefacts)

    @pytest.mark.parametrize(
        "changes",
        [
            {"digest": Digest.of(b"evil")},
            {"size": 1},
            {"path": "pool/main/h/hello/other_1.0-1_amd64.deb"},
            {"path": "pool/main/h/hello/hello_1.0-1_all.deb"},
            {"version": "1.0-2"},
        ],
    )
    def test_a_pin_that_nobody_vouches_for_is_named(
        self, locked: Locked, changes: dict[str, object]
    ) -> None:
        """And so is the stanza that was kept for the right one."""

        def change(artefact: Artefact, pin: Pin) -> Artefact:
            other = attrs.evolve(pin, **changes)  # type: ignore[arg-type]  # of any field
            return attrs.evolve(artefact, pins=(("amd64", other), *artefact.pins[1:]))

        found = replay(locked, self.with_pin(locked, change))

        assert problems(found) == [
            ("artefact.hello.amd64", "upstream-pin"),
            ("source.debian.index", "upstream-stanza"),
        ]
        assert found.chains[0].artefacts == 9

    def test_a_pin_of_another_source_is_asked_of_that(self, locked: Locked) -> None:
        """Which archive vouches is part of the claim."""
        other = attrs.evolve(locked.evidence, indices=())
        artefacts = tuple(attrs.evolve(each, source="else") for each in locked.manifest.artefacts)
        moved = attrs.evolve(
            locked.manifest,
            sources=(("debian", locked.evidence), ("else", other)),
            artefacts=artefacts,
        )
        found = replay(locked, moved)

        assert [chain.artefacts for chain in found.chains] == [0, 0]
        assert ("artefact.hello.amd64", "upstream-pin") in problems(found)

    def test_an_architecture_without_an_index_is_not_proven(self, locked: Locked) -> None:
        """Each of its pins is named."""
        kept = tuple(row for row in locked.evidence.indices if row[0] != AMD64)
        found = replay(locked, locked.recording(indices=kept))

        assert [place for place, _ in problems(found)] == [
            f"artefact.{name}.amd64"
            for name in ("base-files", "ca-certificates", "hello", "libc6", "libgreet1")
        ]


def test_a_package_may_be_pinned_for_one_architecture(tmp_path: Path) -> None:
    """The other one needs no stanza."""
    amd64, arm64 = parse("amd64"), parse("arm64")
    extra = binary("extra", "1", "all", {"/usr/share/doc/extra/copyright": "MIT\n"})
    program, library = greeting(arm64)
    depends = {**library.fields, "Depends": "libc6, hello, extra"}
    offered = [base_files(), certificates(), extra, libc(amd64), libc(arm64), *greeting(amd64)]
    world = World.make(tmp_path)
    world.publish([*offered, program, attrs.evolve(library, fields=depends)])
    world.ok("lock", str(world.image))
    found = replay(Locked.of(world))

    assert found.problems == ()
    assert found.chains[0].artefacts == 11


def test_a_stanza_may_stand_twice_in_its_index(tmp_path: Path) -> None:
    """It says the same twice; both are kept."""
    world = World.make(tmp_path, "amd64")
    world.publish([*packages("amd64"), base_files()])
    world.ok("lock", str(world.image))
    locked = Locked.of(world)
    kept = replay(locked)
    locked.lose(locked.amd64.stanzas)

    assert kept.problems == replay(locked).problems == ()
    assert kept.chains[0].artefacts == 5


class TestMissingEvidence:
    """A store that has lost something."""

    def test_offline_the_blob_is_named(self, locked: Locked) -> None:
        """By its digest; what else could be proven is."""
        locked.lose(locked.amd64.digest)
        found = replay(locked)

        assert problems(found) == [(f'source.debian.index."{AMD64}"', "upstream-evidence")]
        assert str(locked.amd64.digest) in found.problems[0].problem
        assert found.chains[0].artefacts == 5

    def test_a_release_file_is_fetched_again(self, locked: Locked) -> None:
        """If a mirror still has it: any other is not taken."""
        locked.lose(locked.evidence.release)
        offline, online = replay(locked), replay(locked, online=True)
        locked.lose(locked.evidence.release)
        locked.world.publish(packages("amd64", "arm64"))
        later = replay(locked, online=True)

        assert problems(offline) == [("source.debian.release", "upstream-evidence")]
        assert str(locked.evidence.release) in offline.problems[0].problem
        assert online.problems == ()
        assert problems(later) == [("source.debian.release", "upstream-evidence")]
        assert f"expected {locked.evidence.release}, got" in later.problems[0].problem

    def test_an_index_is_fetched_by_its_digest(self, locked: Locked) -> None:
        """When the path has another one since."""
        locked.lose(locked.amd64.digest)
        (locked.world.root / HOME / AMD64).write_bytes(b"of today")

        assert replay(locked, online=True).problems == ()

    def test_a_damaged_blob_is_a_missing_one(self, locked: Locked) -> None:
        """It is set aside and fetched."""
        blob = locked.world.blob(locked.amd64.digest.hex)
        blob.chmod(0o644)
        blob.write_bytes(blob.read_bytes()[:-1] + b"!")

        assert replay(locked, online=True).problems == ()

    def test_what_is_too_large_is_not_read(self, locked: Locked) -> None:
        """Who hands an auditor a store can put anything under a name."""
        evidence = locked.evidence
        for digest in (evidence.release, evidence.certificates, locked.amd64.stanzas):
            blob = locked.world.blob(digest.hex)
            blob.chmod(0o644)
            os.truncate(blob, 1 << 40)
        found = replay(locked, keyrings=(RING,), online=True)

        assert found.problems == ()
        assert found.chains[0].notes

    def test_lost_stanzas_are_taken_from_the_index_again(self, locked: Locked) -> None:
        """If those of the pins are the recorded ones."""
        locked.lose(locked.amd64.stanzas)
        artefacts = locked.manifest.artefacts[1:]
        fewer = attrs.evolve(locked.manifest, artefacts=artefacts)
        same, other = replay(locked), replay(locked, fewer)

        assert same.problems == ()
        key = f'source.debian.index."{AMD64}"'
        assert (key, "upstream-evidence") in problems(other)

    def test_lost_certificates_are_looked_for_on_this_host(self, locked: Locked) -> None:
        """By the full fingerprint, and that is said; without any the blob is named."""
        locked.lose(locked.evidence.certificates)
        found, none = replay(locked, keyrings=(RING,)), replay(locked)

        assert found.problems == ()
        lost = f"certificates {locked.evidence.certificates} are not in the store"
        assert found.chains[0].notes == (f"{lost}; the keyrings of this host have these keys",)
        assert problems(none) == [
            ("source.debian.certificates", "upstream-evidence"),
            ("source.debian.release", "upstream-release"),
        ]
        assert str(locked.evidence.certificates) in none.problems[0].problem
