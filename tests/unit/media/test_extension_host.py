"""Whatever a stranger's vocabulary does, the others are asked, the caller gets an answer, and the fault is named."""
from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from fedisora.media.extension_host import Answer, ExtensionHost, Patience
from tests.support.extensions import Installed, install_folder, thing

CALM = Patience(importing=30.0, step=20.0)
HASTY = Patience(importing=30.0, step=2.0)
GOOD = 'EXTENSION = made(lambda claim: [] if claim.terms.get("word") == "yes" else [Problem("word", "Say yes.")])'


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    found = install_folder(tmp_path / "site", monkeypatch)
    found.install("good", GOOD)
    return found


def run(work: Coroutine[Any, Any, Answer]) -> Answer:
    return asyncio.run(work)


def judge(*nodes: dict[str, object], patience: Patience = CALM) -> Answer:
    items = [{"id": number, "node": node} for number, node in enumerate(nodes)]
    return run(ExtensionHost(patience).judge(items, ("good", "bad")))


def test_claims_are_judged_by_their_own_vocabulary(packages: Installed) -> None:
    packages.install("bad", 'EXTENSION = made(types={"Thing": {"word": Term(required=True)}})')
    answer = judge(thing("good", word="yes"), thing("bad"), thing("good", word="no"), thing("elsewhere"))
    assert [result["status"] for result in answer.results] == ["valid", "invalid", "invalid", "absent"]
    assert answer.results[2]["problems"] == [{"path": "word", "message": "Say yes."}]
    assert answer.faults == []


@pytest.mark.parametrize(("code", "kind", "words"), [
    ("def check(claim):\n    raise ValueError('no idea')\nEXTENSION = made(check)", "raised", "ValueError: no idea"),
    ("def check(claim):\n    raise SystemExit(0)\nEXTENSION = made(check)", "raised", "SystemExit"),
    ("import os\ndef check(claim):\n    os._exit(0)\nEXTENSION = made(check)", "raised", "ended the process (status 0)"),
    ("import threading\ndef check(claim):\n    threading.Event().wait()\nEXTENSION = made(check)", "slow", "within 2 s"),
    ("def check(claim):\n    while True: pass\nEXTENSION = made(check)", "slow", "within 2 s"),
    ("def check(claim):\n    return [Problem('', 'x')] * 1000\nEXTENSION = made(check)", "huge", "more than 20 problems"),
    ("def check(claim):\n    while True: yield Problem('', 'x' * 10_000)\nEXTENSION = made(check)", "huge", "20 problems"),
    ("def check(claim):\n    return ['x' * (1 << 40)]\nEXTENSION = made(check)", "huge", "MemoryError"),
    ("def check(claim):\n    return check(claim)\nEXTENSION = made(check)", "huge", "RecursionError"),
    ("def check(claim):\n    return 5\nEXTENSION = made(check)", "raised", "TypeError")],
    ids=["raises", "exits", "ends-the-process", "waits", "loops", "many", "endless", "memory", "recursion", "nonsense"])
def test_a_bad_validator_is_contained_and_named(code: str, kind: str, words: str, packages: Installed) -> None:
    packages.install("bad", code)
    answer = judge(thing("good", word="yes"), thing("bad"), thing("good", word="no"), patience=HASTY if kind == "slow" else CALM)
    assert [result["status"] for result in answer.results] == ["valid", "failed", "invalid"]
    assert [(fault.extension, fault.kind) for fault in answer.faults] == [("bad", kind)]
    assert words in answer.faults[0].message


def test_one_claim_that_kills_does_not_spoil_the_others_of_its_vocabulary(packages: Installed) -> None:
    packages.install("bad", "import os\ndef check(claim):\n    if claim.terms['word'] == 'die': os._exit(1)\n    return []\n"
                            "EXTENSION = made(check)")
    answer = judge(thing("bad", word="live"), thing("bad", word="die"), thing("bad", word="live"))
    assert [result["status"] for result in answer.results] == ["valid", "failed", "valid"]


def test_after_three_deaths_a_vocabulary_is_given_up(packages: Installed) -> None:
    packages.install("bad", "import os\ndef check(claim): os._exit(1)\nEXTENSION = made(check)")
    answer = judge(*[thing("bad")] * 6, thing("good", word="yes"))
    assert [result["status"] for result in answer.results] == ["failed"] * 3 + ["absent"] * 3 + ["valid"]
    assert answer.dead == {"bad"}


@pytest.mark.parametrize(("code", "kind", "words"), [
    ("raise RuntimeError('half installed')", "import", "RuntimeError: half installed"),
    ("import sys; sys.exit(3)", "import", "SystemExit"),
    ("import os; os._exit(3)", "import", "status 3"),
    ("EXTENSION = 'not one'", "import", "not an Extension"),
    ("import dataclasses\nEXTENSION = dataclasses.replace(made(), name='other')", "import", "use one name"),
    ("import dataclasses\nEXTENSION = dataclasses.replace(made(), namespace='https://good.example/ns#more#')", "import",
     "must begin with the namespace"),
    ("import dataclasses\nEXTENSION = dataclasses.replace(made(), context={'content': 'https://bad.example/ns#content'})",
     "import", "defines this term already"),
    ("import dataclasses\nEXTENSION = dataclasses.replace(made(), labels={})", "import", "no English labels"),
    ("import dataclasses\nEXTENSION = dataclasses.replace(made(), labels={'en': {'Thing': 'x' * 100_000}})", "import", "64 KB")],
    ids=["raises", "exits", "ends", "type", "two-names", "foreign-terms", "redefines", "no-labels", "large"])
def test_a_package_that_cannot_be_taken_is_left_out(code: str, kind: str, words: str, packages: Installed) -> None:
    packages.install("bad", code)
    answer = run(ExtensionHost(CALM).describe())
    names = [result["name"] for result in answer.results]
    assert "good" in names and "energy" in names and "bad" not in names
    assert [(fault.extension, fault.kind) for fault in answer.faults] == [("bad", kind)]
    assert words in answer.faults[0].message


def test_two_packages_with_one_namespace(packages: Installed) -> None:
    packages.install("twin", "import dataclasses\nEXTENSION = dataclasses.replace(made(), namespace='https://good.example/ns#',"
                             " context={'Thing': 'https://good.example/ns#Thing'})")
    answer = run(ExtensionHost(CALM).describe())
    assert "twin" not in [result["name"] for result in answer.results]
    assert answer.faults[0].message.endswith("uninstall one of them. (Package stranger-twin.)")


def test_nobody_pushes_a_bundled_vocabulary_out(packages: Installed) -> None:
    packages.install("a_rival", "import dataclasses\nEXTENSION = dataclasses.replace(made(), namespace="
                                "'https://w3id.org/fedisora/energy#x/', context={'Thing': 'https://w3id.org/fedisora/energy#x/T'})")
    packages.install("energy", "EXTENSION = made()")
    answer = run(ExtensionHost(CALM).describe())
    assert [result["namespace"] for result in answer.results if result["name"] == "energy"] == ["https://w3id.org/fedisora/energy#"]
    assert sorted(fault.message.rpartition("(")[2] for fault in answer.faults) == [
        "Package stranger-a_rival.)", "Package stranger-energy.)"]


def test_importing_for_ever(packages: Installed) -> None:
    packages.install("bad", "import threading; threading.Event().wait()")
    answer = run(ExtensionHost(Patience(importing=4.0, step=20.0)).describe())
    assert "good" in [result["name"] for result in answer.results]
    assert [(fault.extension, fault.kind) for fault in answer.faults] == [("bad", "slow")]


HOOKS = """
def claim(request, result):
    return [EXTENSION.claim("Thing", {"word": result["generator"]["model"]})]
EXTENSION = made(claim_from_generation=claim)
"""


@pytest.mark.parametrize(("code", "kind"), [
    ("raise ValueError", "raised"), ("return [{'type': 'Thing', 'word': 'x' * 20_000}]", "huge"), ("return [5]", "raised"),
    ("return [{'type': 'Thing'}] * 40", "huge"), ("return [EXTENSION.claim('Thing', {'word': 0.5})]", "raised"),
    ("return [{'@context': {'Thing': 'https://good.example/ns#Thing'}, 'type': 'Thing'}]", "raised"),
    ("import os; os._exit(0)", "raised"), ("while True: pass", "slow")])
def test_a_bad_hook_claims_nothing(code: str, kind: str, packages: Installed) -> None:
    packages.install("good", HOOKS)
    packages.install("bad", f"def claim(request, result):\n    {code}\nEXTENSION = made(claim_from_generation=claim)")
    result = {"generator": {"model": "Aurora", "backend": "cpu"}, "render_seconds": "2.5"}
    answer = run(ExtensionHost(HASTY if kind == "slow" else CALM).hook("claim_from_generation", {}, result))
    made = {item["extension"]: item["claim"] for item in answer.results}
    assert {item["status"] for item in answer.results} == {"valid"}, "what they made is judged on the way"
    assert set(made) == {"energy", "good", "model_card"} and made["good"]["word"] == "Aurora"
    assert [(fault.extension, fault.kind) for fault in answer.faults] == [("bad", kind)]


def test_the_child_sees_none_of_our_secrets(packages: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDISORA_DATABASE_URL", "postgresql://secret")
    packages.install("bad", "import os\nEXTENSION = made(lambda claim: [Problem('', ','.join(os.environ))])")
    assert "FEDISORA" not in judge(thing("bad")).results[0]["problems"][0]["message"]


def test_what_an_extension_starts_ends_with_it(packages: Installed) -> None:
    packages.install("bad", """
        import subprocess
        EXTENSION = made(lambda claim: [Problem("", str(subprocess.Popen(["sleep", "300"], stdout=subprocess.DEVNULL).pid))])
        """)
    pid = int(judge(thing("bad")).results[0]["problems"][0]["message"])
    state = Path(f"/proc/{pid}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] in "ZX"
