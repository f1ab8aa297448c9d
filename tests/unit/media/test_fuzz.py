"""A thousand spoilt files through reading and weighing: no crash, no hang, no word outside the closed set."""
from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

from fedisora.media.c2pa import read_request
from fedisora.media.process import clean_environment
from fedisora.provenance.verdict import GOOD, VERDICTS, decide
from tests.support.signed import NOW, PARTS, Issuer, sign, sources

FILES = 1000
SEED = 20261125
LARGEST = 40_000
A = Issuer("a.example")


def spoilt(data: bytes, other: bytes, suffix: str, chance: random.Random) -> bytes:
    """One random change of a file: bits, lengths, cuts, repeats, noise, a piece of another file."""
    changed = bytearray(data)
    parts = [part for part in PARTS[suffix](data) if part.end > part.start]
    kind = chance.randrange(7)
    if kind == 0:
        for _ in range(chance.randint(1, 24)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    elif kind == 1:  # the length in front of a part
        start = chance.choice(parts).start
        for at in range(max(0, start - 8), start):
            if chance.random() < 0.5:
                changed[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
    elif kind == 2:
        changed = changed[:chance.randrange(len(changed))]
    elif kind == 3:
        part = chance.choice(parts)
        changed[part.start:part.end] = changed[part.start:part.end] * chance.randint(2, 3)
    elif kind == 4:
        at = chance.randrange(len(changed))
        changed[at:at] = chance.randbytes(chance.randint(1, 400))
    elif kind == 5:  # inside the manifest: CBOR and JUMBF lengths
        part = max(parts, key=lambda item: item.end - item.start)
        for _ in range(chance.randint(1, 8)):
            changed[chance.randrange(part.start, part.end)] ^= 1 << chance.randrange(8)
    else:
        at, size = chance.randrange(len(other)), chance.randint(16, 4000)
        where = chance.randrange(len(changed))
        changed[where:where + size] = other[at:at + size]
    return bytes(changed[:LARGEST])


JUNK = (None, True, 0, -1, 1e300, "", "x" * 3000, "\u202e[https://a.example]\n", [], [[]], {}, {"code": 5},
        [None, 7, {"url": []}])


def junked(value: object, chance: random.Random) -> object:
    """A copy of a JSON value with junk in some places."""
    if chance.random() < 0.04:
        return chance.choice(JUNK)
    if isinstance(value, dict):
        return {name: junked(item, chance) for name, item in value.items()}
    if isinstance(value, list):
        return [junked(item, chance) for item in value] * chance.choice((1, 1, 1, 2))
    return value


def test_reports_of_any_shape_are_weighed(tmp_path: Path) -> None:
    leaf, source = A.leaf("ada"), sources(tmp_path)[".mp4"]
    first = sign(source, tmp_path / "first.mp4", leaf, A.record())
    remix = sign(source, tmp_path / "remix.mp4", leaf, A.record(number=2), [first])
    whole = read_request({"path": str(remix), "anchors": {A.origin: A.anchors}}, lambda _: None)
    chance, words = random.Random(SEED), set()
    for _ in range(400):
        reading = junked(whole, chance)
        verdict = decide(reading if isinstance(reading, dict) else {}, claimed_origin=A.origin, digest="zQm", now=NOW,
                         object_facts=A.facts(remix, number=2, digest_multibase=None), revoked_serials=["1f"])
        assert json.dumps(verdict.to_json())
        words.add(verdict.verdict)
    assert {"verified", "contradicted", "intact-unknown-signer", "unreadable"} <= words <= set(VERDICTS)


def test_spoilt_files_are_read_within_the_limits(tmp_path: Path) -> None:
    leaf = A.leaf("ada")
    bare = sources(tmp_path)
    seeds = [(suffix, sign(source, tmp_path / f"signed{suffix}", leaf, A.record()).read_bytes())
             for suffix, source in bare.items()]
    remix = sign(bare[".mp4"], tmp_path / "remix.mp4", leaf, A.record(number=2), [tmp_path / "signed.mp4"])
    seeds.append((".mp4", remix.read_bytes()))
    chance = random.Random(SEED)
    paths = []
    for number in range(FILES):
        (suffix, data), (_, other) = seeds[number % len(seeds)], chance.choice(seeds)
        paths.append(tmp_path / f"{number}{suffix}")
        paths[-1].write_bytes(spoilt(data, other, suffix, chance))
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.read_many"], env=clean_environment(), capture_output=True, timeout=120, check=False,
        input=json.dumps({"paths": [str(path) for path in paths], "anchors": {A.origin: A.anchors}}).encode())
    lines = done.stdout.splitlines()
    assert (done.returncode, len(lines)) == (0, FILES), done.stderr[-2000:]
    words: dict[str, int] = dict.fromkeys(VERDICTS, 0)
    for path, line in zip(paths, lines, strict=True):
        found = json.loads(line)
        assert found["seconds"] < 5, path
        answer = found["answer"]
        assert answer.pop("ok"), (path, answer)
        verdict = decide(answer, claimed_origin=None, object_facts=None, digest=None, now=NOW, revoked_serials=[])
        assert json.dumps(verdict.to_json())
        words[verdict.verdict] += 1
        if verdict.verdict in GOOD:
            assert answer["report"]["validation_state"] == "Trusted"
    assert set(words) == set(VERDICTS)
    assert words["tampered"] > FILES / 2
    assert words["unsigned"] and words["unreadable"]
