"""The commands and the pytest plugin as an author meets them."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fedisora.cli import app
from fedisora.kit.check import GUARD, expand
from fedisora.kit.scaffold import create
from tests.support.extensions import install_folder, thing


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["extension", *arguments])
    return done.exit_code, done.stdout


def test_new_and_check(tmp_path: Path) -> None:
    code, text = run("new", "film", "--folder", str(tmp_path), "--json")
    files = json.loads(text)
    assert code == 0 and all(Path(path).is_file() for path in files)
    assert run("check", str(tmp_path / "film")) == (0, "ok film 1.0: 4 terms, 1 languages, 3 vectors\n")
    (tmp_path / "film" / "README.md").unlink()
    code, text = run("check", str(tmp_path / "film"))
    assert (code, text) == (1, "mend README.md: It is missing: say what the vocabulary is for, and what each term means.\n")
    code, text = run("check", str(tmp_path / "film"), "--json")
    assert code == 1 and json.loads(text)["findings"][0]["where"] == "README.md"


def test_no_extension_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "fedisora", "extension", "check", str(tmp_path)], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "fedisora extension new" in done.stderr


def test_list_names_what_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = install_folder(tmp_path / "site", monkeypatch)
    packages.install("good", "EXTENSION = made()")
    code, text = run("list", "--json")
    assert code == 0 and {"good", "energy"} <= {item["name"] for item in json.loads(text)}
    packages.install("broken", "import nothing_like_it")
    done = CliRunner().invoke(app, ["extension", "list"])
    assert done.exit_code == 1 and "left out broken" in done.output.replace("\n", " ") and "good" in done.output


def test_two_authors_in_one_document() -> None:
    """The same words in two vocabularies stay apart for a JSON-LD processor, whatever stands around them."""
    outer = [*GUARD, {"word": "https://outer.example/word", "claim": {"@id": "https://outer.example/claim", "@type": "@id"}}]
    [found] = expand({"@context": outer, "word": "outside", "claim": [thing("one", word="1"), thing("two", word="2")]})
    assert found["https://outer.example/word"] == [{"@value": "outside"}]
    assert found["https://outer.example/claim"] == [
        {"@type": [f"https://{name}.example/ns#Thing"], f"https://{name}.example/ns#word": [{"@value": value}]}
        for name, value in (("one", "1"), ("two", "2"))]


def test_the_plugin_tells_what_is_wrong(tmp_path: Path) -> None:
    create("film", tmp_path)
    vectors = tmp_path / "film" / "fedisora_film" / "vectors"
    (vectors / "valid-full.json").write_text(json.dumps({"claim": {"type": "Film", "statement": 5}}))
    (vectors / "invalid-empty.json").write_text(json.dumps({"path": "", "claim": {"type": "Film", "statement": "x"}}))
    (tmp_path / "film" / "tests" / "test_more.py").write_text(
        "def test_elsewhere(assert_valid):\n    assert_valid({'type': 'https://else.example/Film'})\n")
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=tmp_path / "film",
                          capture_output=True, text=True, check=False)
    assert "3 failed, 2 passed" in done.stdout, done.stdout
    for words in ("should be valid: statement: It is a text.", "should be invalid at ''; problems: []",
                  "the type of this claim is not in https://example.org/ns/film#"):
        assert words in done.stdout


def test_the_plugin_without_an_extension(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(extension):\n    pass\n\ndef test_other():\n    pass\n")
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}"], cwd=tmp_path,
                          capture_output=True, text=True, check=False)
    assert "1 passed, 1 error" in done.stdout and "no extension to test" in done.stdout, done.stdout


def test_the_plugin_loads_nothing_that_is_not_asked_for() -> None:
    code = ("import sys, fedisora.kit.pytest_plugin\n"
            "print(sorted(name for name in sys.modules if name.startswith(('fedisora.', 'pyld', 'sqlalchemy'))))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['fedisora.kit', 'fedisora.kit.pytest_plugin']"
