"""Every way to spoil a signed file, and the exact word for it; c2pa-python's own Reader judges beside us."""
from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import c2pa
import pytest

from fedisora.provenance import certificates
from fedisora.provenance.digital_source import ALGORITHMIC, CAPTURE, TRAINED
from fedisora.provenance.verdict import VERDICTS, Match
from tests.support.signed import MIMES, NOW, PARTS, Issuer, Leaf, flipped, fragmented, sign, sources, weigh

A, B = Issuer("a.example"), Issuer("b.example")
ANCHORS = {A.origin: A.anchors}
LONG_AGO = NOW - dt.timedelta(days=3651)
OLD = Issuer("a.example", LONG_AGO)
EXPIRED = Path(__file__).parents[2] / "vectors" / "expired"


class Lab:
    """Signed files of one person, made once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ada, self.bob = A.leaf("ada"), B.leaf("bob")
        self.sources = sources(folder)
        self.files = {suffix: sign(source, folder / f"signed{suffix}", self.ada, A.record())
                      for suffix, source in self.sources.items()}
        self.clip = self.files[".mp4"]
        self.other = sign(self.sources[".mp4"], folder / "other.mp4", self.ada, A.record(number=2))
        self._made = 0

    def write(self, data: bytes, suffix: str = ".mp4") -> Path:
        """A file of these bytes."""
        self._made += 1
        path = self.folder / f"made{self._made}{suffix}"
        path.write_bytes(data)
        return path

    def signed(self, leaf: Leaf, record: Any, *parents: Path) -> Path:
        """The clip signed otherwise."""
        self._made += 1
        return sign(self.sources[".mp4"], self.folder / f"made{self._made}.mp4", leaf, record, parents)

    def tampered(self, path: Path) -> Path:
        """A copy with one changed bit in the video data."""
        data = path.read_bytes()
        part = next(part for part in PARTS[".mp4"](data) if part.name == "mdat")
        return self.write(flipped(data, (part.start + part.end) // 2))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(tmp_path_factory.mktemp("lab"))


def judge(path: Path, anchors: str = A.anchors) -> str:
    """What c2pa-python says by itself: `Trusted`, `Valid`, `Invalid`, `none` or `error`."""
    context = c2pa.Context.from_dict({
        "version": 1, "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}, "trust": {"anchors": [
            {"trust_uri": "a", "trust_kind": "manifest", "trust_anchors": anchors, "trust_config": "1.3.6.1.5.5.7.3.4"}]}})
    try:
        with path.open("rb") as stream, c2pa.Reader(MIMES[path.suffix], stream, context=context) as reader:
            return str(json.loads(reader.json())["validation_state"])
    except c2pa.C2paError.ManifestNotFound:
        return "none"
    except c2pa.C2paError:
        return "error"


def agree(path: Path, word: str) -> None:
    """A word about the bytes alone does not differ from the outside judge's."""
    found = judge(path)
    assert (word in ("tampered", "unreadable")) == (found in ("Invalid", "error")), (word, found)
    assert (word == "unsigned") == (found == "none"), (word, found)
    assert word != "verified" or found == "Trusted"


UNHASHED = {"ftyp", "mfra"}
"""What C2PA does not hash: only the digest that the post names tells. (A broken length is noticed all the same.)"""
MANIFESTS = {"uuid", "caBX", "C2PA", "EB"}


def every_part(path: Path, lab: Lab) -> set[str]:
    """Flip a bit at the beginning, in the middle and at the end of every part; the names of the parts."""
    suffix, data, facts = path.suffix, path.read_bytes(), A.facts(path)
    assert weigh(path, ANCHORS, facts, claimed=A.origin)["verdict"] == "verified"
    agree(path, weigh(path, ANCHORS)["verdict"])
    names = set()
    for part in PARTS[suffix](data):
        for at in sorted({part.start, (part.start + part.end) // 2, part.end - 1}) if part.end > part.start else ():
            names.add(part.name)
            spoilt = lab.write(flipped(data, at), suffix)
            alone = weigh(spoilt, ANCHORS)["verdict"]
            agree(spoilt, alone)
            if part.name in MANIFESTS:  # its padding is not signed, its box may become another one
                assert alone in ("tampered", "verified", "unsigned")
            else:
                assert alone == "tampered" or (alone == "verified" and part.name in UNHASHED), part
            assert weigh(spoilt, ANCHORS, facts, claimed=A.origin)["verdict"] == "tampered", part
    return names


@pytest.mark.parametrize(("suffix", "parts"), [
    (".mp4", {"ftyp", "uuid", "moov", "mdat", "free"}), (".png", {"IHDR", "caBX", "IDAT"}), (".webp", {"VP8 ", "C2PA"}),
    (".jpg", {"E0", "EB", "DB", "C0", "C4", "DA", "scan"})])
def test_one_flipped_bit_in_every_part(suffix: str, parts: set[str], lab: Lab) -> None:
    assert every_part(lab.files[suffix], lab) >= parts


def test_one_flipped_bit_in_every_part_of_a_video_in_fragments(lab: Lab) -> None:
    bare = fragmented(lab.sources[".mp4"], lab.folder / "fragments.mp4")
    path = sign(bare, lab.folder / "signed-fragments.mp4", lab.ada, A.record())
    assert every_part(path, lab) == {"ftyp", "uuid", "moov", "moof", "mdat", "mfra"}


@pytest.mark.parametrize("suffix", list(PARTS))
def test_cut_short_or_longer(suffix: str, lab: Lab) -> None:
    data = lab.files[suffix].read_bytes()
    for changed in (data[:-60], data[: len(data) // 2], data + b"more" * 10):
        path = lab.write(changed, suffix)
        word = weigh(path, ANCHORS)["verdict"]
        assert word in ("tampered", "unsigned"), (word, len(changed))
        agree(path, word)
        assert weigh(path, ANCHORS, A.facts(lab.files[suffix]))["verdict"] == "tampered"
    assert weigh(lab.write(data[:3], suffix), ANCHORS)["verdict"] == ("unreadable" if suffix != ".jpg" else "unsigned")


def test_no_bytes_of_media_at_all(lab: Lab) -> None:
    assert weigh(lab.write(b""), ANCHORS)["verdict"] == "unreadable"
    assert weigh(lab.write(b"hello"), ANCHORS)["verdict"] == "unreadable"


@pytest.mark.bad_input("BI-203")
def test_a_manifest_of_another_video(lab: Lab) -> None:
    mine, theirs = lab.clip.read_bytes(), lab.signed(lab.ada, A.record()).read_bytes()
    changed = bytearray(lab.sources[".mp4"].read_bytes())
    changed[-1] ^= 1  # another video of the same length
    other = sign(lab.write(bytes(changed)), lab.folder / "longer.mp4", lab.ada, A.record(number=3)).read_bytes()
    assert len(theirs) == len(mine) == len(other)
    here, there = (next(part for part in PARTS[".mp4"](data) if part.name == "uuid") for data in (mine, other))
    path = lab.write(mine[:here.start] + other[there.start:there.end] + mine[here.end:])
    assert weigh(path, ANCHORS)["verdict"] == "tampered"
    agree(path, "tampered")


def test_another_files_sidecar(lab: Lab) -> None:
    for suffix, path in lab.files.items():
        facts, own = A.facts(path), Path(f"{path}.c2pa")
        other = Path(f"{lab.other if suffix == '.mp4' else lab.files['.png' if suffix != '.png' else '.jpg']}.c2pa")
        assert weigh(path, ANCHORS, facts, claimed=A.origin, sidecar=own)["verdict"] == "verified", suffix
        swapped = weigh(path, ANCHORS, facts, claimed=A.origin, sidecar=other)
        assert swapped["verdict"] == "contradicted", suffix
        assert "the manifest that the post links to" in swapped["summary"]


def test_a_changed_ingredient_at_any_depth(lab: Lab) -> None:
    bad = lab.tampered(lab.clip)
    remix = lab.signed(lab.bob, B.record("bob"), bad)
    again = lab.signed(lab.ada, A.record(number=4), remix)
    both = {**ANCHORS, B.origin: B.anchors}
    for path in (remix, again):
        found = weigh(path, both)
        assert found["verdict"] == "contradicted"
        assert [check["ok"] for check in found["checks"] if check["name"] == "ingredients"] == [False]
        assert judge(path, A.anchors + B.anchors) == "Trusted"  # which is why we look ourselves
    fair = lab.signed(lab.ada, A.record(number=5), lab.signed(lab.bob, B.record("bob", 2), lab.clip))
    assert weigh(fair, both)["verdict"] == "verified"
    stranger = lab.signed(lab.ada, A.record(number=6), lab.signed(B.leaf("eve"), B.record("eve"), lab.sources[".mp4"]))
    assert weigh(stranger, ANCHORS)["verdict"] == "verified"  # a parent's unknown signer is no fault


def test_a_parents_record_changed_inside_the_remix(lab: Lab) -> None:
    remix = lab.signed(lab.ada, A.record(number=7), lab.signed(lab.bob, B.record("bob", 3)))
    data = remix.read_bytes()
    path = lab.write(data.replace(b"https://b.example/users/bob/statuses/3", b"https://b.example/users/bob/statuses/9"))
    assert path.read_bytes() != data
    assert weigh(path, ANCHORS)["verdict"] == "tampered"
    agree(path, "tampered")


def test_keys(lab: Lab) -> None:
    facts = A.facts(lab.clip)
    assert weigh(lab.clip, {B.origin: B.anchors}, facts)["verdict"] == "intact-unknown-signer"  # unknown CA
    assert weigh(lab.clip, {}, facts)["verdict"] == "intact-unknown-signer"
    revoked = weigh(lab.clip, ANCHORS, facts, claimed=A.origin, revoked_serials=[lab.ada.serial])
    assert (revoked["verdict"], revoked["signer"]["certificateSerial"]) == ("revoked", lab.ada.serial)
    assert weigh(lab.clip, ANCHORS, facts, revoked_serials=[lab.ada.serial.upper(), "00"])["verdict"] == "revoked"
    unasked = weigh(lab.clip, ANCHORS, facts, revoked_serials=None)
    assert unasked["verdict"] == "verified"
    assert "could not be asked" in next(check["detail"] for check in unasked["checks"] if check["name"] == "revocation")
    rotated = lab.signed(A.leaf("ada"), A.record())  # another key, the same account and CA
    assert weigh(rotated, ANCHORS, A.facts(rotated), claimed=A.origin)["verdict"] == "verified"
    assert weigh(lab.clip, ANCHORS, facts, claimed=A.origin, revoked_serials=["1f"])["verdict"] == "verified"
    renewed = Issuer("a.example")  # the CA was renewed: the bundle has the present and the former one
    anchors = {A.origin: renewed.anchors + A.anchors}
    assert weigh(lab.clip, anchors, facts, claimed=A.origin)["verdict"] == "verified"
    assert weigh(lab.clip, {A.origin: renewed.anchors}, facts)["verdict"] == "intact-unknown-signer"


def test_an_expired_leaf(lab: Lab) -> None:
    """The file was signed with a leaf of one minute: libc2pa does not sign with one that has run out."""
    path, anchors = EXPIRED / "clip.mp4", (EXPIRED / "ca.pem").read_text()
    found = weigh(path, {A.origin: anchors}, A.facts(path))
    assert found["verdict"] == "intact-unknown-signer"
    assert "expired" in next(check["detail"] for check in found["checks"] if check["name"] == "signer")
    assert "actor" not in found["signer"]
    assert judge(path, anchors) == "Invalid"  # the one place where the judge's word is harder than ours
    late = lab.signed(OLD.leaf("ada", NOW - dt.timedelta(days=3600)), A.record())
    assert weigh(late, {A.origin: OLD.anchors}, A.facts(late), claimed=A.origin)["verdict"] == "verified"


def test_somebody_elses_certificate(lab: Lab) -> None:
    both = {**ANCHORS, B.origin: B.anchors}
    neighbour = lab.signed(A.leaf("eve"), A.record())
    assert weigh(neighbour, ANCHORS, A.facts(neighbour), claimed=A.origin)["verdict"] == "contradicted"
    assert weigh(neighbour, ANCHORS)["verdict"] == "contradicted"
    foreign = lab.signed(lab.bob, A.record())  # b.example signs in a.example's name
    assert weigh(foreign, ANCHORS, A.facts(foreign))["verdict"] == "intact-unknown-signer"
    assert weigh(foreign, both, A.facts(foreign), claimed=A.origin)["verdict"] == "contradicted"
    key, leaf = certificates.create_leaf("@ada@a.example", "a.example", B.middle, NOW)  # b.example forges a leaf
    forged = lab.signed(Leaf(certificates.key_pem(key), certificates.bundle(leaf, B.middle[1])), A.record())
    assert weigh(forged, both, A.facts(forged), claimed=A.origin)["verdict"] == "contradicted"
    honest = lab.signed(lab.bob, B.record("bob"))
    assert weigh(honest, both, claimed=A.origin)["verdict"] == "verified-foreign-issuer"
    assert weigh(honest, both, claimed=A.origin)["signer"]["instance"] == B.origin


@pytest.mark.parametrize("change", [
    {"object_id": "https://a.example/users/ada/statuses/9"}, {"actor": "https://a.example/users/eve"},
    {"record_url": "https://a.example/records/9"}, {"digital_source_type": CAPTURE}, {"digital_source_type": None},
    {"digital_source_type": TRAINED}, {"handle": "@eve@a.example"}, {"proof": "invalid"},
    {"disagreements": ("the post and its video name different files",)},
    {"record_url": None, "digital_source_type": None}])
def test_a_post_that_says_something_else(change: dict[str, Any], lab: Lab) -> None:
    assert weigh(lab.clip, ANCHORS, A.facts(lab.clip, **change), claimed=A.origin)["verdict"] == "contradicted"


def test_posts_that_say_the_same(lab: Lab) -> None:
    for change in ({"proof": "none"}, {"handle": "@Ada@A.example"}, {"record_url": None}, {"digest_multibase": None},
                   {"digital_source_type": ALGORITHMIC.replace("http:", "https:")}):
        assert weigh(lab.clip, ANCHORS, A.facts(lab.clip, **change), claimed=A.origin)["verdict"] == "verified", change
    kept = weigh(lab.clip, ANCHORS, A.facts(lab.clip, withdrawn="an edit took the label back; what was said first is kept"))
    assert [check["ok"] for check in kept["checks"] if check["name"] == "label"] == [False]


def test_a_server_without_our_words_does_not_contradict_a_camera(lab: Lab) -> None:
    path = sign(lab.sources[".jpg"], lab.folder / "camera.jpg", lab.bob, replace(A.record(), digital_source_type=CAPTURE),
                foreign=True)
    silent = A.facts(path, record_url=None, digital_source_type=None)
    assert weigh(path, ANCHORS, silent)["verdict"] == "intact-unknown-signer"
    found = weigh(path, {B.origin: B.anchors}, silent, claimed=A.origin)
    assert found["verdict"] == "contradicted"  # b.example signed for @bob, and this is ada's post
    assert weigh(path, ANCHORS, A.facts(path))["verdict"] == "contradicted"  # the post names a record that is not in there


def test_consent(lab: Lab) -> None:
    facts = A.facts(lab.clip)
    for stamps in ({"revoked_stamps": ["https://b.example/stamps/1"]}, {"invalid_stamps": ["https://b.example/stamps/1"]}):
        assert weigh(lab.clip, ANCHORS, facts, claimed=A.origin, **stamps)["verdict"] == "revoked"
        bare = lab.sources[".mp4"]
        assert weigh(bare, ANCHORS, A.facts(bare), claimed=A.origin, **stamps)["verdict"] == "revoked"


def test_stripped_files(lab: Lab) -> None:
    for bare in lab.sources.values():
        assert weigh(bare, ANCHORS)["verdict"] == "unsigned"
        agree(bare, "unsigned")
        found = weigh(bare, ANCHORS, match=Match(A.record().object_id, 12))
        assert (found["verdict"], found["match"]["distance"]) == ("recovered", 12)
        assert weigh(bare, ANCHORS, A.facts(lab.clip), match=Match(A.record().object_id, 12))["verdict"] == "tampered"
    kept = weigh(lab.tampered(lab.clip), ANCHORS, match=Match(A.record().object_id, 3))
    assert (kept["verdict"], kept["match"]["object"]) == ("tampered", A.record().object_id)


def test_the_words_are_a_closed_set() -> None:
    assert len(VERDICTS) == len(set(VERDICTS)) == 9
