"""The environment of commands, and what of it a process that reads it once binds for them all."""

from __future__ import annotations

import os
from collections.abc import Mapping

from . import users

# Read by the Go runtime and its libraries at first use: proxies, certificates, the time zone, the
# user's home, and the credentials of clouds whose clients are opened once.
_ENGINE_PREFIXES = (
    'ALIBABA_',
    'ALICLOUD_',
    'ARM_',
    'AWS_',
    'AZURE_',
    'CLOUDSDK_',
    'GCLOUD_',
    'GOOGLE_',
    'GRPC_',
    'OTEL_',
    'PG',
    'SSL_CERT_',
    'VAULT_',
    'XDG_',
)
_ENGINE_NAMES = (
    'ALL_PROXY',
    'GODEBUG',
    'GOGC',
    'GOMAXPROCS',
    'GOMEMLIMIT',
    'GOTRACEBACK',
    'HOME',
    'HTTPS_PROXY',
    'HTTP_PROXY',
    'LOGNAME',
    'NO_PROXY',
    'PULUMI_DISABLE_REFRESH_BEFORE_UPDATE',
    'PULUMI_ENABLE_LEGACY_PLUGIN_SEARCH',
    'TZ',
    'USER',
)

# Read by the Python interpreter and the C library when they start.
_INTERPRETER_PREFIXES = ('GRPC_', 'LC_', 'LD_', 'MALLOC_', 'OPENSSL_', 'PYTHON')
_INTERPRETER_NAMES = ('HOME', 'LANG', 'LANGUAGE', 'PATH', 'SSL_CERT_FILE', 'TMPDIR', 'TZ')


def for_cli(
    cli: str, environ: Mapping[str, str] | None, additional: Mapping[str, str]
) -> dict[str, str]:
    """The environment in which the SDK would start the CLI; ``environ`` stands for os.environ."""
    base = os.environ if environ is None else environ
    given = {**base, **additional, 'PULUMI_AUTOMATION_API': 'true'}
    env = {name: os.fsdecode(value) for name, value in given.items()}  # Paths among them.
    if os.path.isabs(cli):  # The plugins that came with it are beside it.
        env['PATH'] = os.pathsep.join([os.path.dirname(cli), env.get('PATH', os.defpath)])
    if not env.get('USER') and users.home() is None:  # The CLI would fail.
        env['USER'] = str(os.getuid())
    return env


def bound_by_engine(env: Mapping[str, str]) -> dict[str, str]:
    """The part of the environment whose change needs another engine."""
    return _select(env, _ENGINE_PREFIXES, _ENGINE_NAMES)


def bound_by_interpreter(env: Mapping[str, str]) -> dict[str, str]:
    """The part of the environment whose change needs another program host."""
    return _select(env, _INTERPRETER_PREFIXES, _INTERPRETER_NAMES)


def _select(
    env: Mapping[str, str], prefixes: tuple[str, ...], names: tuple[str, ...]
) -> dict[str, str]:
    return {
        name: value
        for name, value in env.items()
        if name.upper() in names or name.startswith(prefixes)
    }
