"""`fedisora serve` as its operator meets it: first start, second start, Ctrl-C, TLS, and every kind of wrong configuration."""
from __future__ import annotations

import datetime as dt
import ipaddress
import json
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.instances import InstanceProcess, eventually


def test_first_start_prints_a_link_and_second_start_keeps_everything(tmp_path: Path) -> None:
    instance = InstanceProcess(tmp_path / "data").start()
    try:
        assert instance.http.get("/livez").text == "ok\n"
        assert instance.http.get(instance.setup_link).status_code == 200
        instance.user("alice")
        before = instance.http.get("/users/alice", headers={"Accept": "application/activity+json"}).json()
        assert instance.stop(signal.SIGINT) == [0]
        instance.start()
        after = instance.http.get("/users/alice", headers={"Accept": "application/activity+json"}).json()
        assert before == after
    finally:
        instance.close()


def test_keys_at_rest_are_sealed(tmp_path: Path) -> None:
    instance = InstanceProcess(tmp_path / "data")
    instance.folder.mkdir()
    instance.cli("user", "create", "alice", "--email", "a@example.org", "--password", "correct horse")
    data = b"".join(path.read_bytes() for path in instance.folder.glob("fedisora.sqlite3*"))
    assert b"PRIVATE KEY" not in data
    assert (instance.folder / "secret.key").stat().st_mode & 0o077 == 0


def failing(instance: InstanceProcess, *arguments: str) -> str:
    """Run `serve` expecting it to refuse; its one line."""
    instance.folder.mkdir(parents=True, exist_ok=True)
    done = instance.cli("serve", "--port", str(instance.port), *arguments, check=False)
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


def test_wrong_base_url(tmp_path: Path) -> None:
    assert "FEDISORA_BASE_URL" in failing(InstanceProcess(tmp_path / "data", base_url="video.example"))


def test_unreachable_database(tmp_path: Path) -> None:
    instance = InstanceProcess(tmp_path / "data", database_url="postgresql://nobody@127.0.0.1:1/nothing")
    assert "FEDISORA_DATABASE_URL" in failing(instance)


def test_port_taken(tmp_path: Path) -> None:
    instance = InstanceProcess(tmp_path / "data")
    with socket.socket() as other:
        other.bind(("127.0.0.1", instance.port))
        other.listen()
        assert "--port" in failing(instance)


def test_changed_domain(tmp_path: Path) -> None:
    first = InstanceProcess(tmp_path / "data").start()
    first.close()
    line = failing(InstanceProcess(tmp_path / "data", base_url="https://other.example"))
    assert first.base in line and "https://other.example" in line


def test_data_folder_in_the_way(tmp_path: Path) -> None:
    instance = InstanceProcess(tmp_path / "data")
    (tmp_path / "data").write_text("a file is in the way")
    done = instance.cli("serve", "--port", str(instance.port), check=False)
    assert done.returncode != 0 and "FEDISORA_DATA_DIR" in done.stderr and "Traceback" not in done.stderr


def test_half_a_tls_pair(tmp_path: Path) -> None:
    assert "--tls-key" in failing(InstanceProcess(tmp_path / "data"), "--tls-cert", str(tmp_path / "cert.pem"))


def test_it_serves_tls_itself(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
                   .serial_number(1).not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(days=1))
                   .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
                   .sign(key, hashes.SHA256()))
    cert_file, key_file = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))
    instance = InstanceProcess(tmp_path / "data")
    secure = instance.base.replace("http://", "https://")
    instance.env["FEDISORA_BASE_URL"] = secure
    instance.folder.mkdir()
    instance._spawn("serve", "--port", str(instance.port), "--tls-cert", str(cert_file), "--tls-key", str(key_file))
    context = ssl.create_default_context(cafile=str(cert_file))
    try:
        with httpx.Client(base_url=secure, verify=context) as http:
            eventually(lambda: http.get("/readyz").status_code == 200, what="TLS ready")
            answer = http.get("/.well-known/nodeinfo")
            assert all(link["href"].startswith(secure) for link in answer.json()["links"])
    finally:
        instance.close()


def test_list_as_json_and_version(tmp_path: Path) -> None:
    instance = InstanceProcess(tmp_path / "data")
    instance.folder.mkdir()
    assert instance.cli("--version").stdout.startswith("fedisora ")
    assert json.loads(instance.cli("user", "list", "--json").stdout) == []


def test_a_socket_kept_by_systemd_holds_requests_while_the_server_starts(tmp_path: Path) -> None:
    """sd_listen_fds(3): the socket is descriptor 3, and LISTEN_PID names who it is for."""
    instance = InstanceProcess(tmp_path / "data")
    instance.folder.mkdir()
    with socket.socket() as kept, socket.socket() as early:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", instance.port))
        kept.listen(64)
        early.connect(("127.0.0.1", instance.port))
        early.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        become = ("import os, sys; os.dup2(int(sys.argv[1]), 3); "
                  "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid())); os.execv(sys.argv[2], sys.argv[2:])")
        with instance.log.open("ab") as log:
            instance.processes.append(subprocess.Popen(
                [sys.executable, "-c", become, str(kept.fileno()), *instance.command("serve")], env=instance.env, stdout=log,
                stderr=log, pass_fds=[kept.fileno()], start_new_session=True))
        try:
            early.settimeout(60)
            assert early.recv(4096).startswith(b"HTTP/1.1 200")
        finally:
            instance.close()
