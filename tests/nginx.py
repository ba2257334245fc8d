"""nginx with deploy/nginx.conf, between a temporary main configuration and a self-signed name."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.paths import ROOT
from tests.ports import free_port

OURS = ROOT / 'deploy' / 'nginx.conf'
START_DEADLINE = 30.0
STOP_DEADLINE = 30.0


def missing_tool() -> str | None:
    """Return the name of a tool that is needed and not here."""
    return next((tool for tool in ('nginx', 'openssl') if not shutil.which(tool)), None)


def check(folder: Path) -> str:
    """Return what nginx has to say about deploy/nginx.conf, which is nothing when it is right."""
    command = [*_command(folder, OURS.read_text(), 18443), '-t', '-q']
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


@contextmanager
def balancing(folder: Path, services: Sequence[str], kept: int = 0) -> Iterator[str]:
    """Balance over the services at these URLs with the deployed rules; yields nginx's URL.

    kept: how many idle connections to them are kept, as newer versions do when nobody asks.
    """
    port = int(free_port())
    servers = iter([urlsplit(each).netloc for each in services])
    text = re.sub(r'server 127\.0\.0\.1:\d+', lambda _: f'server {next(servers)}', OURS.read_text())
    if kept:
        text = re.sub(r'(upstream \w+ {)', rf'\1 keepalive {kept};', text)
    process = subprocess.Popen(_command(folder, text, port), stdin=subprocess.DEVNULL)
    try:
        _wait_until_listening(process, port)
        yield f'https://127.0.0.1:{port}'
    finally:
        process.terminate()
        try:
            process.wait(STOP_DEADLINE)
        finally:
            process.kill()
            process.wait()


def certificate(folder: Path) -> Path:
    """Return the certificate that clients must trust, which is what it is signed with itself."""
    return folder / 'certificate.pem'


def _command(folder: Path, text: str, port: int) -> list[str]:
    """Return nginx's command line for our part of the configuration, put into a whole one."""
    key = folder / 'key.pem'
    subprocess.run(
        [
            *('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=127.0.0.1'),
            *('-addext', 'subjectAltName=IP:127.0.0.1'),
            *('-keyout', str(key), '-out', str(certificate(folder))),
        ],
        check=True,
        capture_output=True,
    )
    text = re.sub(r'(ssl_certificate_key) .*;', rf'\1 {key};', text)
    text = re.sub(r'(ssl_certificate) .*;', rf'\1 {certificate(folder)};', text)
    # The usual ports ask for root.
    text = text.replace('listen 443 ssl', f'listen 127.0.0.1:{port} ssl')
    text = text.replace('listen 80;', f'listen unix:{folder}/http;')
    (folder / 'ours.conf').write_text(text)
    kinds = ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi')
    main = [
        *('daemon off;', 'master_process off;', 'error_log stderr;', f'pid {folder}/pid;'),
        'user root;' if os.geteuid() == 0 else '',
        # Clients that wait for the end of their connection do not wait long.
        *('events {}', 'http {', 'access_log off;', 'keepalive_timeout 1s;'),
        *[f'{kind}_temp_path {folder}/{kind};' for kind in kinds],
        *(f'include {folder}/ours.conf;', '}', ''),
    ]
    (folder / 'nginx.conf').write_text('\n'.join(main))
    return ['nginx', '-e', 'stderr', '-p', str(folder), '-c', str(folder / 'nginx.conf')]


def _wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    ends_at = time.monotonic() + START_DEADLINE
    while True:
        try:
            socket.create_connection(('127.0.0.1', port)).close()
            return
        except ConnectionRefusedError:
            assert process.poll() is None, 'nginx has ended'
            assert time.monotonic() < ends_at, 'nginx does not listen in time'
            time.sleep(0.02)  # it tells nobody when it listens
