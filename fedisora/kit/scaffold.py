"""`fedisora extension new`: a complete package with tests, which passes its checks as it is."""
from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from ..errors import Conflict, Invalid

NAMESPACE = re.compile(r"https?://[^/\s\"\\<>@]+/(?:[^\s\"\\<>@]*[#/])?\Z")


def _files(name: str) -> dict[str, str]:
    """Path in the new package → template."""
    package = f"fedisora_{name}"
    return {
        "pyproject.toml": "pyproject.toml", "README.md": "README.md", f"{package}/__init__.py": "__init__.py",
        f"{package}/validate.py": "validate.py", f"{package}/context.jsonld": "context.jsonld",
        f"{package}/labels/en.toml": "en.toml", f"{package}/vectors/valid-full.json": "valid-full.json",
        f"{package}/vectors/invalid-certain.json": "invalid-certain.json",
        f"{package}/vectors/invalid-empty.json": "invalid-empty.json", f"tests/test_{name}.py": "test.py"}


def create(name: str, folder: Path, namespace: str = "") -> list[Path]:
    """Write a new extension package; its files.

    Args:
        name: lower-case letters, digits and _.
        folder: where the package's own folder, called like it, is made.
        namespace: IRI ending in # or /; a made-up one on example.org when empty.

    Raises:
        Invalid: the name or namespace is not one.
        Conflict: something is there already.
    """
    if not re.match(r"[a-z][a-z0-9_]{0,39}\Z", name) or re.match(r"v\d+\Z", name):
        raise Invalid(f"{name!r} is not a name: use up to 40 lower-case letters, digits and _, such as film_stock.")
    chosen = namespace or f"https://example.org/ns/{name}#"
    if not NAMESPACE.match(chosen):
        raise Invalid(f"{chosen!r} is not a namespace: use an address of yours that ends in # or /.")
    home = folder / name
    if home.exists():
        raise Conflict(f"{home} is there already: choose another name or folder.")
    words = name.replace("_", " ").strip().capitalize()
    values = {"name": name, "dashed": name.replace("_", "-").strip("-"), "words": words, "namespace": chosen,
              "type": "".join(part.capitalize() for part in name.split("_"))}
    templates = resources.files(__package__).joinpath("template")
    made = []
    for path, template in _files(name).items():
        text = templates.joinpath(f"{template}.txt").read_text(encoding="utf-8")
        for key, value in values.items():
            text = text.replace(f"@{key}@", value)
        target = home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        made.append(target)
    return made
