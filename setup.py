"""Map the checkout's four folders onto one import package; see docs/decisions/0001-layout.md."""
from setuptools import find_packages, setup

FOLDERS = {"workers": "fedisora.workers", "extensions": "fedisora.extensions", "migrations": "fedisora.migrations"}

setup(
    packages=find_packages(include=["fedisora", "fedisora.*"])
    + list(FOLDERS.values())
    + [f"{name}.{package}" for folder, name in FOLDERS.items() for package in find_packages(folder)],
    package_dir={"fedisora": "fedisora", **{name: folder for folder, name in FOLDERS.items()}},
)
