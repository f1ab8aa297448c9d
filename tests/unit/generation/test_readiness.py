"""What is in the way of a model on this machine, the first thing first."""
from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from fedisora.generation.presets import PROCEDURAL, Preset, find
from fedisora.generation.presets.readiness import gpu_memory, readiness
from tests.support import environment

from .test_catalogue import model

GB = 10**9


def driver(folder: Path, answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver's tool that answers so."""
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{answer}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.parametrize(("answer", "memory"), [
    ("printf '8192\\n24564\\n'", 24564 << 20), ("echo 'No devices were found'", None), ("exit 9", None), ("echo", None)])
def test_the_largest_gpu_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, memory: int | None) -> None:
    driver(tmp_path, answer, monkeypatch)
    assert gpu_memory() == memory


def test_a_machine_without_a_driver_has_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_memory() is None


def wan() -> Preset:
    found = find("wan2.2-ti2v-5b")
    assert found is not None
    return found


def test_obstacles_come_one_after_the_other(tmp_path: Path) -> None:
    environment.require(not environment.without_torch(), environment.without_torch())
    here = dataclasses.replace(wan(), repository=str(model(tmp_path / "wan")), revision="", needs_acceptance=True)
    assert readiness(here, {}, 80 * GB).state == "licence not accepted"
    accepted = {here.name: here.licence_url}
    assert readiness(dataclasses.replace(here, repository="/nowhere"), accepted, 80 * GB).state == "not fetched"
    assert readiness(here, accepted, None).state == "no GPU found"
    small = readiness(here, accepted, 12 * GB)
    assert (small.state, small.remedy.partition(";")[0]) == ("too little GPU memory", "It needs 24 GB even with offloading")
    assert readiness(here, accepted, 24564 << 20).state == "ready"
    (tmp_path / "wan" / "vae" / "config.json").unlink()
    (tmp_path / "wan" / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    broken = readiness(here, accepted, 80 * GB)
    assert (broken.state, broken.remedy) == ("incomplete", f"The folder vae is missing in {tmp_path / 'wan'}.")


def test_a_program_needs_nothing() -> None:
    assert readiness(PROCEDURAL, {}, None).state == "ready"
