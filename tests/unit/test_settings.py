"""Settings: environment over file over defaults, and one clear line for every mistake."""
from __future__ import annotations

from pathlib import Path

import pytest

from fedisora.errors import ConfigurationError
from fedisora.settings import load_settings


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [key for key in os.environ if key.startswith("FEDISORA_")]:
        monkeypatch.delenv(name)


def test_defaults(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert settings.base_url == "http://localhost:8000"
    assert settings.host == "localhost:8000"
    assert settings.effective_database_url == f"sqlite:///{tmp_path / 'fedisora.sqlite3'}"
    assert settings.private_networks == ()


def test_environment_wins_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fedisora.toml").write_text('instance_name = "from file"\nregistrations = "open"\n')
    monkeypatch.setenv("FEDISORA_INSTANCE_NAME", "from env")
    settings = load_settings(tmp_path)
    assert (settings.instance_name, settings.registrations) == ("from env", "open")


def test_options_win_over_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDISORA_REGISTRATIONS", "closed")
    monkeypatch.setenv("FEDISORA_DATA_DIR", "/elsewhere")
    settings = load_settings(tmp_path, registrations="open")
    assert settings.registrations == "open" and settings.data_dir == tmp_path


@pytest.mark.parametrize(("name", "value", "says"), [
    ("BASE_URL", "video.example", "origin"),
    ("BASE_URL", "https://video.example/path", "without path"),
    ("BASE_URL", "https://video.example:port", "BASE_URL"),
    ("DATABASE_URL", "mysql://x", "postgresql://"),
    ("REDIS_URL", "http://x", "redis://"),
    ("REGISTRATIONS", "maybe", "REGISTRATIONS"),
    ("ALLOW_PRIVATE_NETWORK", "10.0.0.0/99", "ALLOW_PRIVATE_NETWORK"),
    ("MAX_UPLOAD_MB", "0", "MAX_UPLOAD_MB"),
])
def test_a_mistake_is_one_line_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str,
                                             says: str) -> None:
    monkeypatch.setenv(f"FEDISORA_{name}", value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(tmp_path)
    assert says in caught.value.text and "\n" not in caught.value.text


def test_an_unknown_name_in_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "fedisora.toml").write_text("base_ulr = 'https://x.example'\n")
    with pytest.raises(ConfigurationError, match="BASE_ULR.*not a setting"):
        load_settings(tmp_path)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "fedisora.toml").write_text("base_url =\n")
    with pytest.raises(ConfigurationError, match=r"fedisora\.toml"):
        load_settings(tmp_path)


@pytest.mark.parametrize(("given", "origin", "host"), [
    ("https://Video.Example/", "https://video.example", "video.example"),
    ("https://video.example:443", "https://video.example", "video.example"),
    ("http://video.example:80", "http://video.example", "video.example"),
    ("https://video.example:8443", "https://video.example:8443", "video.example:8443"),
    ("http://[::1]:8000", "http://[::1]:8000", "[::1]:8000"),
])
def test_the_origin_is_normalised(tmp_path: Path, given: str, origin: str, host: str) -> None:
    settings = load_settings(tmp_path, base_url=given)
    assert (settings.base_url, settings.host) == (origin, host)


def test_private_networks(tmp_path: Path) -> None:
    assert [str(net) for net in load_settings(tmp_path, allow_private_network="127.0.0.0/8, 10.1.2.3").private_networks] == [
        "127.0.0.0/8", "10.1.2.3/32"]
    assert len(load_settings(tmp_path, allow_private_network="true").private_networks) == 2
