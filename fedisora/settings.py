"""Settings: `FEDISORA_*` from the environment, or the same names in lower case in `fedisora.toml` in the data dir.

The environment wins over the file. Every field is documented in docs/operate/configuration.md (a test compares them).
"""
from __future__ import annotations

import ipaddress
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from .errors import ConfigurationError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Settings(BaseSettings):
    """Everything an operator can set. Build it with `load_settings()`."""

    model_config = SettingsConfigDict(env_prefix="FEDISORA_", extra="forbid", frozen=True)

    base_url: str = Field("http://localhost:8000", description="Public origin of this instance: scheme, host and port "
                          "only. The host is part of every id and cannot change after the first start.")
    data_dir: Path = Field(Path("data"), description="Folder for the SQLite database, media, keys and fedisora.toml.")
    database_url: str = Field("", description="SQLAlchemy URL of PostgreSQL (postgresql://user:password@host/name). "
                              "Empty: SQLite in the data dir.")
    redis_url: str = Field("", description="redis:// URL. Set: workers run as `fedisora worker …` processes through arq. "
                           "Empty: the same functions run inside `fedisora serve`.")
    storage_url: str = Field("", description="Where media files live: a folder, s3://bucket/prefix, gs://… or az://…. "
                             "Empty: `media` in the data dir.")
    allow_private_network: Annotated[bool | tuple[str, ...], NoDecode] = Field(
        False, description="Let outgoing requests reach private addresses: true, or a comma-separated list of networks "
        "(10.0.0.0/8,127.0.0.1/32). For tests and LANs only.")
    generation_backend: str = Field(
        "procedural", pattern=r"^[a-z0-9_-]{1,32}$", description="What renders prompts: `procedural` (no model, no GPU), "
        "`diffusers` (extra `gpu`), or one that another package brings (entry point `fedisora.generation`).")
    generation_model: str = Field("", description="The model that is used when nobody names one: a preset, a folder, or a "
                                  "repository id; empty for procedural.")
    generation_models: str = Field("", description="Comma-separated further models that people may choose; `procedural` among "
                                   "them offers the program beside a model.")
    generation_dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        "auto", description="Number format of the weights; `auto` is what the preset says on a GPU, and float32 without one.")
    generation_offload: Literal["auto", "none", "model", "sequential", "group"] = Field(
        "auto", description="Whether parts of a model wait in main memory: slower, but needs less GPU memory. `auto` decides by "
        "what there is.")
    generation_tiling: Literal["auto", "on", "off"] = Field("auto", description="Decode the video in tiles, which needs less "
                                                            "GPU memory.")
    generation_quantisation: Literal["none", "fp8", "int8"] = Field(
        "none", description="Keep the transformer's weights in 8 bits: half the GPU memory, slightly other pictures.")
    generation_compile: bool = Field(False, description="Compile repeated blocks (torch.compile): a minute per size at first, "
                                     "faster afterwards.")
    generation_attention: str = Field("", description="Attention implementation of diffusers (`flash`, `sage`, `native`, …); "
                                      "empty: its own choice.")
    generation_recycle_jobs: int = Field(50, ge=0, description="Start the rendering process anew after so many videos; 0: only "
                                         "when its memory grows.")
    generation_keep_warm_seconds: float = Field(900, ge=0, description="How long an idle rendering process keeps its model; 0: "
                                                "for ever.")
    generation_lease_seconds: float = Field(15, ge=1, le=600, description="How long after its worker was killed a video is taken "
                                            "over by another.")
    generation_watts: float = Field(0, ge=0, description="Power of the GPU (or machine) under load, for the energy estimate; 0: "
                                    "ask the GPU, or say nothing.")
    generation_max_seconds: float = Field(10, ge=1, le=60, description="Longest video that may be asked for; a model may "
                                          "allow less.")
    generation_variants: int = Field(4, ge=1, le=16, description="How many variants may be asked for at once.")
    private_storage_url: str = Field("", description="Where live clips and the pictures of likenesses lie, sealed: a folder or a "
                                     "private bucket, never one that is served. Empty: `private` in the data dir.")
    verification: str = Field("live-clip,vouch", description="Comma-separated ways in which people are verified here: "
                              "`live-clip`, `vouch`, `oidc`, `credential`; empty: none.")
    clip_hours: int = Field(72, ge=1, le=72, description="After so many hours a live clip is deleted whether or not a moderator "
                            "decided.")
    oidc_issuer: str = Field("", description="Address of an OpenID Connect issuer whose sign-in counts as verification.")
    oidc_name: str = Field("", max_length=80, description="What that issuer is called on pages.")
    oidc_client_id: str = Field("", description="This instance's client id there.")
    oidc_client_secret: str = Field("", description="The client secret; empty for a public client.")
    oidc_scopes: str = Field("openid", description="Scopes that are asked for.")
    oidc_claim: str = Field("", description="What the id token has to say, as `name=value` (`verified=true`); empty: the sign-in "
                            "itself is enough.")
    credential_issuers: str = Field("", description="Comma-separated ids of issuers whose W3C Verifiable Credentials may be "
                                    "presented (https actors, or did:key); trusted verifiers count as well.")
    agent_operators: Literal["verified", "any"] = Field(
        "verified", description="Who may run AI agents: only verified humans, or any human. Administrators may let others.")
    agent_requests_per_minute: int = Field(60, ge=1, description="API requests that one agent may make in a minute.")
    generation_jobs_per_user: int = Field(3, ge=1, le=1000, description="How many unfinished generations one "
                                          "person may have at a time.")
    generation_jobs_per_agent: int = Field(3, ge=0, le=1000, description="The same for an AI agent.")
    generation_seconds_per_day: int = Field(0, ge=0, description="GPU seconds one person and their agents together may use in 24 "
                                            "hours; 0: no limit.")
    generation_seconds_per_day_agent: int = Field(0, ge=0, description="The same for one AI agent alone; 0: no limit of its own.")
    prompt_blocklist: str = Field("", description="File with words and phrases that no prompt may hold, one a line; empty: "
                                  "`blocklist.txt` in the data dir, when it is there.")
    flash_check: Literal["deny", "hold", "off"] = Field(
        "hold", description="What is done with a generated video that flashes more than three times a second (WCAG 2.3.1).")
    denylist_distance: int = Field(31, ge=0, le=64, description="How many of 256 bits a picture may differ from a denied one and "
                                   "still be it.")
    max_video_seconds: float = Field(180, ge=1, le=7200, description="Longest video that is taken as an upload.")
    video_ladder: str = Field("", pattern=r"^(\s*\d{3,4}\s*(,\s*\d{3,4}\s*)*)?$",
                              description="Comma-separated heights (`720,480`; of upright videos the widths) in which larger "
                              "videos are also encoded, as signed files of their own; empty: none.")
    hls_over_seconds: float = Field(60, ge=0, description="Videos longer than this are also served as HLS; 0: none.")
    loudness_target: float = Field(0, ge=-40, le=0, description="Bring the sound of uploads to this loudness (LUFS, for instance "
                                   "-16); 0: leave it as it is.")
    captions_backend: str = Field("", pattern=r"^[a-z0-9_-]{0,32}$", description="Draft captions with this backend (entry point "
                                  "`fedisora.captions`); empty: none.")
    storage_quota_mb: int = Field(10240, ge=0, description="Files that one account may keep here, in MB; 0: no limit.")
    fingerprints: bool = Field(True, description="`off` keeps no codes by which videos are recognised, and looks for none.")
    watermark: bool = Field(True, description="`off` puts no invisible mark into generated videos, and looks for none.")
    rate_limits: bool = Field(True, description="`off` lifts per-address and per-account limits (load tests only).")
    registrations: Literal["closed", "approval", "open"] = Field(
        "closed", description="Who may sign up on the web: nobody, anybody after an admin's approval, anybody.")
    instance_name: str = Field("Fedisora", max_length=80, description="Name shown on pages and in instance metadata.")
    instance_description: str = Field("Video where everybody can tell human from machine.", max_length=500,
                                      description="One or two sentences about this instance.")
    language: str = Field("en", pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=16,
                          description="Language of this instance: that of new accounts, and of what agents say to somebody whose "
                                      "language is not spoken here.")
    contact_email: str = Field("", description="Address of the operator, shown in instance metadata.")
    max_upload_mb: int = Field(95, ge=1, le=2048, description="Largest accepted upload in MB. Many servers refuse "
                               "videos over 99 MB.")
    burnt_in_mark: bool = Field(False, description="Burn a visible mark (\"AI-generated\", \"AI-modified\") into the first two "
                                "seconds of local videos labelled so.")
    foreign_media_mb: int = Field(16, ge=0, le=300, description="Largest file, in MB, that is fetched from a server without our "
                                  "vocabulary to look for Content Credentials inside it; 0: none.")
    local_workers: bool = Field(True, description="Run workers inside `fedisora serve` when no Redis is configured "
                                "(`--no-workers` does the same for one start).")
    worker_process: bool = Field(True, description="Give the workers inside `fedisora serve` a process of their own (a second "
                                 "core). `false` keeps everything in one process.")
    sqlite_synchronous: Literal["normal", "full"] = Field(
        "normal", description="How SQLite writes: `normal` survives a killed process, `full` also a power cut (slower).")
    trusted_proxies: str = Field("127.0.0.1", description="Comma-separated addresses of reverse proxies whose "
                                 "X-Forwarded-For and X-Forwarded-Proto are believed.")
    backfill_posts: int = Field(20, ge=0, le=200, description="How many older posts of a newly followed account are fetched "
                                "from its server; 0: none.")
    authorized_fetch: bool = Field(False, description="Ask for a signature on ActivityPub GETs.")
    retry_seconds: float = Field(15.0, gt=0, le=3600, description="Pause before the first retry of a delivery or of processing "
                                 "an arrived activity; the whole schedule grows and shrinks with it.")
    federation: Literal["open", "allow-list"] = Field(
        "open", description="Who may talk to us: everybody but blocked domains, or only domains with the rule `allow`.")
    ai_policy: Literal["open", "labelled", "ai-free"] = Field(
        "open", description="What this instance is for: `open` everything, `labelled` videos published here say how they were "
        "made, `ai-free` no AI is made or published here, and public lists show none.")
    unlabelled_media: Literal["accept", "warn", "hold", "reject"] = Field(
        "accept", description="What is done with videos of other servers of which nobody says how they were made.")
    badly_signed_media: Literal["accept", "warn", "hold", "reject"] = Field(
        "warn", description="What is done with media of other servers whose signature does not hold.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe level logged.")
    log_format: Literal["console", "json"] = Field("console", description="Log lines for people or for machines.")
    metrics_bind: str = Field("", description="host:port for Prometheus metrics on a private listener; empty: none.")

    @field_validator("base_url")
    @classmethod
    def _origin_only(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an origin such as https://video.example")
        if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
            raise ValueError("must be only scheme, host and port, without path, query or user")
        _ = parts.port  # raises ValueError for a bad port
        default = {"http": 80, "https": 443}[parts.scheme]
        host = parts.hostname.lower().rstrip(".")
        if ":" in host:
            host = f"[{host}]"
        return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port and parts.port != default else "")

    @field_validator("allow_private_network", mode="before")
    @classmethod
    def _networks(cls, value: Any) -> bool | tuple[str, ...]:
        if isinstance(value, bool):
            return value
        if isinstance(value, str):
            text = value.strip().lower()
            if text in ("true", "1", "yes", "on"):
                return True
            if text in ("false", "0", "no", "off", ""):
                return False
            value = value.split(",")
        return tuple(str(ipaddress.ip_network(str(item).strip(), strict=False)) for item in value)

    @field_validator("rate_limits", "fingerprints", "watermark", mode="before")
    @classmethod
    def _on_off(cls, value: Any) -> Any:
        return {"on": True, "off": False}.get(value.lower(), value) if isinstance(value, str) else value

    @field_validator("verification")
    @classmethod
    def _methods(cls, value: str) -> str:
        known = ("live-clip", "vouch", "oidc", "credential")
        for item in filter(None, (part.strip() for part in value.split(","))):
            if item not in known:
                raise ValueError(f"{item} is not a way to verify people; there are {', '.join(known)}")
        return value

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        if not value:
            return value
        if value.startswith(("postgresql://", "postgres://")):
            return "postgresql+psycopg://" + value.partition("://")[2]
        if value.startswith(("postgresql+psycopg://", "sqlite:///")):
            return value
        raise ValueError("must be a postgresql:// URL, or empty for SQLite in the data dir")

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str) -> str:
        if value and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must be a redis:// URL, or empty")
        return value

    @property
    def host(self) -> str:
        """Host of the base URL, with its port when it is not the scheme's own: the domain part of our handles."""
        return urlsplit(self.base_url).netloc

    @property
    def https(self) -> bool:
        return self.base_url.startswith("https://")

    @property
    def effective_database_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'fedisora.sqlite3'}"

    @property
    def effective_storage_url(self) -> str:
        return self.storage_url or str(self.data_dir.absolute() / "media")

    @property
    def effective_private_url(self) -> str:
        return self.private_storage_url or str(self.data_dir.absolute() / "private")

    @property
    def verification_methods(self) -> tuple[str, ...]:
        """How people are verified here, in the operator's order; those that lack their settings are left out."""
        named = tuple(dict.fromkeys(item.strip() for item in self.verification.split(",") if item.strip()))
        return tuple(item for item in named if item != "oidc" or (self.oidc_issuer and self.oidc_client_id))

    @property
    def private_networks(self) -> tuple[Network, ...]:
        """Networks outgoing requests may reach although they are private; everything when set to true."""
        if self.allow_private_network is True:
            return (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
        if self.allow_private_network is False:
            return ()
        return tuple(ipaddress.ip_network(item) for item in self.allow_private_network)

    @classmethod
    def settings_customise_sources(cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
                                   env_settings: PydanticBaseSettingsSource, dotenv_settings: PydanticBaseSettingsSource,
                                   file_secret_settings: PydanticBaseSettingsSource,
                                   ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before the file: `load_settings` passes the file's values as init arguments."""
        return env_settings, init_settings


def load_settings(data_dir: Path | None = None, **overrides: Any) -> Settings:
    """Read the environment and `fedisora.toml`; one clear line when something is wrong.

    Args:
        data_dir: wins over FEDISORA_DATA_DIR.
        overrides: field values that win over everything (command-line options).

    Raises:
        ConfigurationError: an unknown name or a bad value.
    """
    folder = data_dir or Path(os.environ.get("FEDISORA_DATA_DIR") or "data")
    path = folder / "fedisora.toml"
    values: dict[str, Any] = {}
    try:
        if path.exists():
            values = {k.lower().removeprefix("fedisora_"): v for k, v in tomllib.loads(path.read_text()).items()}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}. Mend or remove the file.") from error
    with_options = {**values, **overrides, "data_dir": folder}
    hidden = {name: os.environ.pop(name, None) for name in (f"FEDISORA_{key.upper()}" for key in (*overrides, "data_dir"))}
    try:
        return Settings(**with_options)
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0]) if problem["loc"] else "settings"
        unknown = problem["type"] == "extra_forbidden"
        hint = "is not a setting" if unknown else problem["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"FEDISORA_{name.upper()} (or {name} in {path.name}): {hint}. "
                                 "See docs/operate/configuration.md.") from error
    finally:
        os.environ.update({name: value for name, value in hidden.items() if value is not None})
