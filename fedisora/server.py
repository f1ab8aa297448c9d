"""Running the processes: `fedisora serve` and `fedisora worker`."""
from __future__ import annotations

import asyncio
import errno
import importlib
import importlib.util
import os
import socket
import ssl
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .app import House, build_house, create_app, workers_module
from .errors import ConfigurationError
from .logs import configure
from .services import instance
from .settings import Settings

SHUTDOWN_SECONDS = 10
LISTEN_FDS_START = 3
NAME_LENGTH = 64


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; the one that systemd keeps open for us, when it does (sd_listen_fds(3)).

    With socket activation a restart refuses no connection: requests wait in the socket until the new process serves them.

    Raises:
        ConfigurationError: the port is taken or may not be used.
    """
    if os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS") == "1":
        return socket.socket(fileno=LISTEN_FDS_START)
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(2048)
    except OSError as error:
        why = {errno.EADDRINUSE: f"Port {port} is in use. Stop what uses it, or choose another with --port.",
               errno.EACCES: f"Port {port} needs more rights. Use a port above 1023 behind a proxy, or start as root.",
               }.get(error.errno or 0, f"Cannot listen on {host}:{port}: {error.strerror or error}.")
        raise ConfigurationError(why, cause=error) from error
    return bound


def check_tls(cert: Path | None, key: Path | None) -> None:
    """Raises ConfigurationError when the certificate and key cannot be used together."""
    if (cert is None) != (key is None):
        raise ConfigurationError("--tls-cert and --tls-key belong together: give both or none.")
    if cert is None or key is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"The TLS certificate or key cannot be used: {error}. Both must be PEM files that belong "
                                 "together.", cause=error) from error


def misaddressed(base: str, port: int) -> str | None:
    """What to say when an instance for this machine listens elsewhere than its links and ids name; else None.

    Behind a proxy the ports differ rightly, so only the name `localhost` counts.
    """
    named = urlsplit(base)
    if named.hostname != "localhost" or port in (0, named.port or (443 if named.scheme == "https" else 80)):
        return None
    return (f"Its links name that address, but it listens on port {port}. To use this port, start a new data folder with "
            f"FEDISORA_BASE_URL={named.scheme}://localhost:{port}.")


def welcome(house: House, port: int) -> None:
    """Say where the instance is; while nobody administers it, print a one-time set-up link."""
    print(f"Fedisora runs at {house.uris.base}/", file=sys.stderr)
    if (hint := misaddressed(house.uris.base, port)) is not None:
        print(hint, file=sys.stderr)
    if house.db.read_now(instance.needs_setup):
        link = house.db.write_now(instance.setup_link)
        print(f"\n  Open this link once to make the first (admin) account:\n\n      {link}\n", file=sys.stderr, flush=True)


def run(settings: Settings, *, host: str, port: int, workers: bool, tls_cert: Path | None, tls_key: Path | None) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        ConfigurationError: before anything is served.
    """
    import uvicorn

    configure(settings)
    check_tls(tls_cert, tls_key)
    bound = listen(host, port)
    house = build_house(settings, alone=True)
    local = workers and settings.local_workers and not settings.redis_url
    import_everything()
    welcome(house, port)
    own_process = local and settings.worker_process and hasattr(os, "fork")
    process = workers_module("process").WorkerProcess(house) if own_process else None
    app = create_app(settings, local_workers=local, house=house, worker_process=process)
    if process is not None:
        process.fork(bound)  # as late as it can be: what was done before is memory that both share
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies, timeout_keep_alive=75, timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        ssl_certfile=tls_cert, ssl_keyfile=tls_key, lifespan="on", backlog=2048)
    server = uvicorn.Server(config)
    metrics = _metrics(settings)
    try:
        server.run(sockets=[bound])
    except KeyboardInterrupt:
        pass  # uvicorn has shut down in order and raises the signal again; Ctrl-C is a clean end
    finally:
        if metrics is not None:
            metrics.shutdown()
    if not server.started:
        raise ConfigurationError("The server could not start; the log above says why.")


def import_everything() -> None:
    """Import before the fork what both processes will need: they then share its memory."""
    names = ["fedisora.web.routes", "fedisora.workers.local", "aiohttp", "importlib.resources.readers", "uvicorn.lifespan.on",
             "uvicorn.loops.auto", "uvicorn.protocols.http.auto", "uvicorn.protocols.websockets.auto"]
    if importlib.util.find_spec("uvloop"):
        names.append("uvicorn.loops.uvloop")
    for name in names:
        importlib.import_module(name)


def event_loop() -> asyncio.AbstractEventLoop:
    """uvloop where there is one."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def run_local_workers(settings: Settings, descriptor: int) -> None:
    """The worker process of a `fedisora serve` on this machine; `descriptor` is its end of the socket pair."""
    configure(settings)
    workers_module("process").run(build_house(settings), socket.socket(fileno=descriptor))


def _metrics(settings: Settings) -> Any:
    if not settings.metrics_bind:
        return None
    from prometheus_client import start_http_server

    host, _, port = settings.metrics_bind.rpartition(":")
    try:
        server, _thread = start_http_server(int(port), host or "127.0.0.1")
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"FEDISORA_METRICS_BIND={settings.metrics_bind} cannot be used: {error}. It is host:port of "
                                 "a free private port.", cause=error) from error
    return server


def run_worker(settings: Settings, role: str, *, gpu: str = "", models: str = "", name: str = "", once: bool = False) -> None:
    """Run one arq worker process.

    Args:
        gpu, models (comma-separated), name, once: of a generation worker, see `workers.generation.Options`.

    Raises:
        ConfigurationError: an unknown role, no Redis configured, or options that do not fit.
    """
    module = importlib.import_module("fedisora.workers.settings")
    if role not in module.ROLES:
        raise ConfigurationError(f"{role} is not a worker. There are: {', '.join(module.ROLES)}.")
    if not settings.redis_url:
        raise ConfigurationError("Worker processes need Redis: set FEDISORA_REDIS_URL. Without it `fedisora serve` runs the "
                                 "workers itself.")
    if role != "generation" and (gpu or models or name or once):
        raise ConfigurationError("--gpu, --models, --name and --once belong to `fedisora worker generation`.")
    if len(name) > NAME_LENGTH:
        raise ConfigurationError(f"The name of a worker may have {NAME_LENGTH} characters at most.")
    wanted = tuple(filter(None, (word.strip() for word in models.split(","))))
    configure(settings)
    house = build_house(settings)
    asyncio.run(module.run(house, role, module.Options(gpu, wanted, name, once)))
