"""Extension packages as strangers would install them, made up in a folder that child processes import from."""
from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

HEAD = """
from fedisora.provenance.extension import Extension, Problem, Term

def made(validate=None, version="1.0", types=None, **more):
    namespace = "https://{name}.example/ns#"
    return Extension(name="{name}", namespace=namespace, version=version, validate=validate,
                     labels={{"en": {{"Thing": "A thing", "word": "Word"}}, "de": {{"Thing": "Ein Ding", "word": "Wort"}}}},
                     context={{"Thing": namespace + "Thing", "word": namespace + "word"}}, types=types or {{}}, **more)
"""


class Installed:
    """Packages in one folder, with the metadata of an installation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, name: str, code: str, version: str = "1.0") -> None:
        """A package whose module defines EXTENSION; `made(…)` makes one with the type Thing and the term word."""
        (self.folder / f"stranger_{name}.py").write_text(HEAD.format(name=name) + textwrap.dedent(code))
        info = self.folder / f"stranger_{name}-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: stranger-{name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[fedisora.extensions]\n{name} = stranger_{name}:EXTENSION\n")

    def uninstall(self, name: str) -> None:
        """Its code and metadata are gone."""
        (self.folder / f"stranger_{name}.py").unlink()
        info = self.folder / f"stranger_{name}-1.0.dist-info"
        for path in info.iterdir():
            path.unlink()
        info.rmdir()


def install_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    """An empty folder that child processes find packages in."""
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return Installed(folder)


def thing(name: str, **terms: object) -> dict[str, object]:
    """A claim in the vocabulary of a made-up package."""
    namespace = f"https://{name}.example/ns#"
    return {"@context": {"Thing": namespace + "Thing", "word": namespace + "word"}, "type": "Thing", **terms}
