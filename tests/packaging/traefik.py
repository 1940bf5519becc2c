"""A real Traefik on loopback that loads this repository's own configuration."""

import shutil
import socket
import ssl
import subprocess
import sysconfig
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.packaging.checkout import ROOT, compose, free_port

DOMAIN = "chat.example.test"
START_TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class Traefik:
    """A running Traefik: its two ports on 127.0.0.1, the certificate to trust, and what it printed."""

    http_port: int
    https_port: int
    certificate: Path
    log: Path

    def connect(self, name: str = DOMAIN, **limits: ssl.TLSVersion) -> ssl.SSLSocket:
        """Open a TLS connection for `name`, trusting only the self-made certificate.

        limits: `minimum_version` or `maximum_version` of TLS.
        """
        context = ssl.create_default_context(cafile=str(self.certificate))
        for limit, version in limits.items():
            setattr(context, limit, version)
        raw = socket.create_connection(("127.0.0.1", self.https_port), timeout=10)
        try:
            return context.wrap_socket(raw, server_hostname=name)
        except OSError:
            raw.close()
            raise


@contextmanager
def serve(folder: Path, *, backend: str):
    """Run Traefik with the flags of compose.yaml and the files of deploy/traefik/dynamic; yield a Traefik.

    folder: an empty one, for the certificate and the log.  backend: the address that stands in for the app.
    Changed for the test are only ports, the backend, the folder of the files (ours are linked into it, beside
    the one that names the certificate) and the certificate authority, so that nobody outside is asked.
    """
    program = Path(sysconfig.get_path("scripts")) / "traefik"
    if not program.exists() or not shutil.which("openssl"):
        pytest.skip("needs traefik and openssl")
    certificate, key = _make_certificate(folder)
    dynamic = folder / "dynamic"
    dynamic.mkdir()
    for file in (ROOT / "deploy/traefik/dynamic").iterdir():
        (dynamic / file.name).symlink_to(file)
    (dynamic / "certificate.yml").write_text(
        f"tls: {{certificates: [{{certFile: {certificate}, keyFile: {key}}}]}}\n"
    )
    traefik = Traefik(free_port(), free_port(), certificate, folder / "traefik.log")
    service = compose(HOMECHAT_DOMAIN=DOMAIN, ACME_EMAIL="ada@example.org")["services"]["traefik"]
    overrides = [
        f"--entryPoints.web.address=127.0.0.1:{traefik.http_port}",
        f"--entryPoints.websecure.address=127.0.0.1:{traefik.https_port}",
        f"--entryPoints.traefik.address=127.0.0.1:{free_port()}",
        f"--providers.file.directory={dynamic}",
        f"--certificatesResolvers.letsencrypt.acme.storage={folder / 'acme.json'}",
        f"--certificatesResolvers.letsencrypt.acme.caServer=http://127.0.0.1:{free_port()}/nobody",
    ]
    with traefik.log.open("wb") as log:
        process = subprocess.Popen(
            [program, *service["command"], *overrides],
            cwd=folder,
            env={**service["environment"], "BACKEND_URL": backend},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_it_serves(traefik, process)
        yield traefik
    finally:
        process.terminate()
        process.wait(timeout=20)


def _make_certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        f"-subj /CN={DOMAIN} -addext subjectAltName=DNS:{DOMAIN}"
    )
    subprocess.run([*command.split(), "-out", certificate, "-keyout", key], check=True, capture_output=True)
    return certificate, key


def _wait_until_it_serves(traefik: Traefik, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            traefik.connect().close()
            return
        except OSError:  # not listening yet, or (an ssl.SSLError) no certificate loaded yet
            time.sleep(0.1)
    pytest.fail(f"Traefik does not serve:\n{traefik.log.read_text()}")
