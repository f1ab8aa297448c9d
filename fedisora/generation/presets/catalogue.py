"""The models that this instance offers: those its settings name, as far as their licences were accepted."""
from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy.orm import Session

from ...errors import ConfigurationError, Invalid
from ...settings import Settings
from ...store import models as kept
from . import PROCEDURAL, find, own, weights
from .preset import Preset, is_accepted


@dataclasses.dataclass(frozen=True)
class Unavailable:
    """A model that the settings name and that nobody can use yet; `reason` says what to do.

    `preset` is None when nothing is known of it.
    """

    name: str
    title: str
    reason: str
    preset: Preset | None = None


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """The models of an instance.

    Attributes:
        models: those that can be used, the default first when it is among them.
        default: what is used when nobody names one. `find` says why when it cannot be used.
        unavailable: what the settings name besides.
    """

    models: tuple[Preset, ...]
    default: Preset
    unavailable: tuple[Unavailable, ...] = ()

    def find(self, name: str = "") -> Preset:
        """The model of a name or repository; the default for "".

        Raises:
            Invalid: there is none, or it cannot be used: the text says why, and what there is.
        """
        wanted = name or self.default.name
        for preset in self.models:
            if wanted in (preset.name, preset.repository):
                return preset
        for one in self.unavailable:
            if wanted == one.name:
                raise Invalid(f"{one.title} cannot be used here: {one.reason}", code="model-unavailable")
        names = ", ".join(preset.name for preset in self.models)
        raise Invalid(f"There is no model {wanted!r} here. There are: {names or 'none'}.", code="no-model")


def catalogue(settings: Settings, accepted: Mapping[str, str], pinned: Mapping[str, str] | None = None) -> Catalogue:
    """What the settings offer. A model that cannot be used never makes way for another one silently.

    Args:
        accepted: model → address of the licence that an operator accepted for it.
        pinned: name of a preset, or id of another repository → commit that `fedisora model fetch` got.

    Raises:
        ConfigurationError: the settings contradict each other.
    """
    names = [settings.generation_model, *filter(None, (name.strip() for name in settings.generation_models.split(",")))]
    if settings.generation_backend == "procedural":
        if settings.generation_model not in ("", PROCEDURAL.name):
            raise ConfigurationError(f"FEDISORA_GENERATION_MODEL={settings.generation_model} needs FEDISORA_GENERATION_BACKEND="
                                     "diffusers. To offer it beside the program, name it in FEDISORA_GENERATION_MODELS.")
        names[0] = PROCEDURAL.name
    elif settings.generation_backend == "diffusers" and not names[0]:
        raise ConfigurationError("The diffusers backend needs a model: set FEDISORA_GENERATION_MODEL to a preset (fedisora model "
                                 "list), a folder or a repository id.")
    usable: dict[str, Preset] = {}
    unusable: dict[str, Unavailable] = {}
    default: Preset | None = None
    for name in names:
        known: Preset | None = None
        try:
            preset = known = preset_of(name, backend=settings.generation_backend, pinned=pinned)
        except ConfigurationError as error:
            preset, reason = _nothing(name, settings.generation_backend), error.text
        else:
            reason = obstacle(preset, accepted)
        if reason:
            unusable.setdefault(preset.name, Unavailable(preset.name, preset.title, reason, known))
        elif usable.setdefault(preset.name, preset) != preset:
            raise ConfigurationError(f"Two models are called {preset.name}. Give one of them another name in its {own.FILE}.")
        default = default or preset
    assert default is not None
    return Catalogue(tuple(usable.values()), default, tuple(unusable.values()))


def current(session: Session, settings: Settings) -> Catalogue:
    """What this instance offers now."""
    return catalogue(settings, kept.accepted(session), kept.pinned(session))


def preset_of(name: str, *, backend: str = "", pinned: Mapping[str, str] | None = None) -> Preset:
    """The preset of a name, a folder or a repository that was fetched.

    Args:
        backend: the instance's. Models of another package's backend are known to that package; what differs from the program's
            rules is said by a `preset.toml` in a folder that is named instead of a model.

    Raises:
        ConfigurationError: it is none of these.
    """
    pinned = pinned or {}
    known = find(name)
    if known is not None:
        return dataclasses.replace(known, revision=pinned.get(known.name, known.revision))
    if backend not in ("", PROCEDURAL.name, "diffusers"):
        return own.of_package(backend, name)
    path = Path(name).expanduser()
    if path.is_dir():
        return own.from_folder(path)
    if not own.REPOSITORY.fullmatch(name) or name.startswith(("./", "../")):
        raise ConfigurationError(f"There is no model {name}: it is no preset (see fedisora model list), no folder "
                                 "and no repository id.")
    revision = pinned.get(name, "")
    stub = _nothing(name, "diffusers")
    place = weights.folder(dataclasses.replace(stub, repository=name, revision=revision)) if revision else None
    if place is None:
        raise ConfigurationError(f"{name} is not on this machine. Run: fedisora model fetch {name}")
    return own.from_folder(place, repository=name, revision=revision)


def obstacle(preset: Preset, accepted: Mapping[str, str]) -> str:
    """Why a model must not be used yet, and what to do; "" when it may."""
    if not is_accepted(preset, accepted):
        return (f"its licence ({preset.licence}) must be accepted by the operator first. Run: fedisora model accept-licence "
                f"{preset.name}")
    return ""


def _nothing(name: str, backend: str) -> Preset:
    """Stands for a model of which nothing is known."""
    return dataclasses.replace(PROCEDURAL, name=own.short_name(name), title=name, backend=backend, licence="", licence_url="",
                               note="")
