"""Downloading a model's weights, for the operator who asks for it. The server never does (docs/decisions/0009)."""
from __future__ import annotations

import concurrent.futures
import contextlib
import fnmatch
import os
import shutil
import time
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from .errors import ConfigurationError
from .generation.presets import weights

ALLOWED = (weights.INDEX, "LICENSE*", "*.license.txt", "*/*.json", "*/*.safetensors", "*/*.txt", "*/*.model", "*/*.jinja")
"""What is downloaded: the parts in their folders. Weights as safetensors alone; `.model` is a tokenizer's table (protobuf),
`.jinja` its template. No pickles, no programs, no single-file checkpoints beside the folders."""
LEFT_OUT = ("*.fp16.*", "*.bf16.*", "*.non_ema.*", "assets/*", "examples/*")
SPARE = 1 << 30
"""Bytes of the disk that stay free."""
LEFT_BEHIND = 60
"""Seconds after which a half file that does not grow belongs to nobody."""
LOOK = 0.3
"""Seconds between two looks at how much has arrived."""


def download(repository: str, revision: str, console: Console) -> tuple[Path, str]:
    """Fetch a repository's weights into the hub's cache.

    Args:
        revision: commit, branch or tag.

    Returns:
        (folder, commit)

    Raises:
        ConfigurationError: huggingface_hub is missing, the hub cannot be reached or refuses, the disk is too small, or the
            repository is no diffusers model with safetensors; one line says what to do.
    """
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"  # ours tells more
    try:
        import huggingface_hub
    except ImportError as error:
        raise ConfigurationError("Fetching models needs huggingface_hub: pip install 'fedisora[gpu]'.", cause=error) from error
    huggingface_hub.logging.set_verbosity_error()
    how: dict[str, Any] = {"allow_patterns": list(ALLOWED), "ignore_patterns": list(LEFT_OUT), "cache_dir": weights.cache(),
                           "endpoint": os.environ.get("HF_ENDPOINT") or None}
    try:
        with console.status(f"Asking the hub about {repository}"):
            files = huggingface_hub.snapshot_download(repository, revision=revision, dry_run=True, **how)
        _examine(repository, [file.filename for file in files])
        commit = files[0].commit_hash
        wanted = {file.filename: int(file.file_size or 0) for file in files if file.will_download}
        place = weights.cache() / f"models--{repository.replace('/', '--')}"
        _sweep(place)
        _make_room(sum(wanted.values()), place)
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as bar, concurrent.futures.ThreadPoolExecutor(1) as pool:
            there = _held(place)
            task = bar.add_task(repository, total=sum(wanted.values()))
            running = pool.submit(huggingface_hub.snapshot_download, repository, revision=commit, **how)
            while not concurrent.futures.wait([running], timeout=LOOK).done:
                bar.update(task, completed=_held(place) - there)
            folder = Path(running.result())
    except ConfigurationError:
        raise
    except Exception as error:  # the hub's, httpx's and the disk's errors are of many types
        _explain(repository, revision, error)
    wrong = weights.missing(folder)
    if wrong:
        raise ConfigurationError(f"{repository} was fetched, but cannot be used: {wrong}")
    return folder, commit


def _examine(repository: str, names: list[str]) -> None:
    if weights.INDEX not in names:
        raise ConfigurationError(f"{repository} has no {weights.INDEX}: it is not in the format of diffusers. Look for a "
                                 "repository whose name ends in -Diffusers.")
    if not fnmatch.filter(names, "*.safetensors"):
        raise ConfigurationError(f"{repository} has no safetensors, and pickled weights are never loaded. Look for another one.")


def _held(place: Path) -> int:
    """Bytes below the repository's folder in the cache, what has half arrived included."""
    total = 0
    for file in place.rglob("*"):
        try:
            total += 0 if file.is_symlink() or not file.is_file() else file.stat().st_size
        except OSError:
            continue  # renamed since it was listed
    return total


def _sweep(place: Path) -> None:
    """Remove what interrupted downloads left: the hub's library starts such a file anew, under another name."""
    for file in place.glob("blobs/*.incomplete"):
        with contextlib.suppress(OSError):  # another fetch has just finished it
            if time.time() - file.stat().st_mtime > LEFT_BEHIND:
                file.unlink()


def _make_room(needed: int, place: Path) -> None:
    there = next(parent for parent in (place, *place.parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if needed + SPARE > free:
        raise ConfigurationError(f"The weights need {needed / 10**9:.1f} GB and {SPARE / 10**9:.0f} GB to spare, but {there} has "
                                 f"{free / 10**9:.1f} GB free. Make room, or set HF_HOME to a folder on a larger disk.")


def _explain(repository: str, revision: str, error: Exception) -> NoReturn:
    from huggingface_hub import errors

    chain: list[BaseException] = [error]
    while (deeper := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(deeper)

    def met(kind: type[BaseException]) -> bool:
        return any(isinstance(one, kind) for one in chain)

    if met(errors.GatedRepoError):
        text = (f"{repository} asks for your consent first: accept its conditions at {_page(repository)}, make a token there and "
                "set HF_TOKEN.")
    elif met(errors.RevisionNotFoundError):
        text = f"{repository} has no revision {revision}. Give another one with --revision."
    elif met(errors.RepositoryNotFoundError):
        text = f"There is no repository {repository} (or it is private: then set HF_TOKEN)."
    elif met(errors.HFValidationError):
        text = f"{repository} is not a repository id such as Wan-AI/Wan2.2-TI2V-5B-Diffusers."
    elif met(errors.OfflineModeIsEnabled):
        text = "HF_HUB_OFFLINE is set, so nothing can be fetched. Unset it for this command."
    elif isinstance(error, PermissionError):
        text = f"{weights.cache()} cannot be written to. Set HF_HOME to a folder of your own."
    else:
        why = " ".join(str(chain[-1]).split())[:120] or type(chain[-1]).__name__
        text = (f"{repository} could not be fetched ({why}): the hub cannot be reached, or the connection broke. Check the "
                "network (HTTPS_PROXY, HF_ENDPOINT) and run the command again: files that are complete are not fetched twice.")
    raise ConfigurationError(text, cause=error) from error


def _page(repository: str) -> str:
    return f"{os.environ.get('HF_ENDPOINT', 'https://huggingface.co').rstrip('/')}/{repository}"
