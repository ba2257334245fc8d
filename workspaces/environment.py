"""Where Pulumi keeps what it knows for us: backend, passphrase, home folder, environment."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from engine import Engine
from settings import Settings
from workspaces.files import make_once

# What a command line needs, and what backends, key services and cloud providers read.
# Not PULUMI_OPTION_*: such a variable sets any flag of any command.
CHILD_VARIABLES = re.compile(
    'PATH|HOME|USER|LOGNAME|LANG|LC_.*|TZ|TMPDIR|SSL_CERT_.*|PULUMI_(?!OPTION_).*'
    '|(HTTPS?|NO)_PROXY|(https?|no)_proxy|(AWS|AZURE|ARM|GOOGLE|GCLOUD|CLOUDSDK|VAULT)_.*|PG.*'
)

# How a URL of a PostgreSQL may begin; Pulumi knows the first alone.
POSTGRES = ('postgres', 'postgresql')


def child_environ(settings: Settings, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the part of the service's environment that Pulumi and the programs get to see.

    The rest, the service's own token among it, is none of their business.
    """
    named = {name.strip() for name in settings.child_env.split(',')}
    return {
        name: value
        for name, value in environ.items()
        if name in named or CHILD_VARIABLES.fullmatch(name)
    }


def variables(
    settings: Settings, found: Engine, home: str, program: Path | None = None
) -> dict[str, str]:
    """Return what Pulumi's processes get on top of the service's own environment.

    home: a name for the folder that Pulumi has for itself.
    program: a folder in whose venv programs run; where they say that themselves, None.
    """
    folders = [str(program / 'venv' / 'bin')] if program else []
    result = {
        **_backend(settings),
        'PULUMI_HOME': settings.pulumi_home or str(_home(settings, found, home)),
        'PULUMI_SKIP_UPDATE_CHECK': 'true',
        # Settings that lost their salt get the state's own back, not silently a new one.
        'PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER': 'true',
        # A copy of each checkpoint beside its history is of no use to a stack that lives a second.
        'PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS': 'true',
        # Pulumi asks the desktop to stay awake, and would start a message bus where there is none.
        'DBUS_SESSION_BUS_ADDRESS': 'disabled:',
        # The venv first: the language host that we build takes `python3` from PATH.
        'PATH': os.pathsep.join([*folders, str(found.bin), os.environ.get('PATH', os.defpath)]),
        **_passphrase(settings),
    }
    if found.plugins:
        # It comes with the plugins that it needs.
        result['PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION'] = 'true'
        if not settings.pulumi_home:
            result['PULUMI_IGNORE_AMBIENT_PLUGINS'] = 'true'
    return result


def _backend(settings: Settings) -> dict[str, str]:
    """Return the backend's URL, a database's password apart: Pulumi's errors quote the URL."""
    url = urlsplit(backend_url(settings))
    if url.scheme not in POSTGRES:
        return {'PULUMI_BACKEND_URL': url.geturl()}
    url = url._replace(scheme=POSTGRES[0])
    # Of more, `pulumi stack ls` waits for ever: it has too few connections for them.
    few = {'PULUMI_DIY_BACKEND_PARALLEL': '1'}
    url, password = without_password(url)
    apart = {} if password is None else {'PGPASSWORD': password}
    return {'PULUMI_BACKEND_URL': url.geturl(), **apart, **few}


def without_password(url: SplitResult) -> tuple[SplitResult, str | None]:
    """Return a URL without its password, and the password."""
    if url.password is None:
        return url, None
    credentials, _, host = url.netloc.rpartition('@')
    user = credentials.partition(':')[0]
    return url._replace(netloc=f'{user}@{host}'), unquote(url.password)


def backend_url(settings: Settings) -> str:
    """Return the URL of the backend: the user's, or the embedded one's folder (made if missing)."""
    if settings.backend_url:
        return settings.backend_url
    folder = state_dir(settings) / 'backend'
    folder.mkdir(mode=0o700, exist_ok=True)
    return f'{folder.as_uri()}?metadata=skip'


def state_dir(settings: Settings) -> Path:
    """Return the state folder, made for the owner alone when it is missing."""
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return settings.state_dir


def passphrase(settings: Settings) -> str:
    """Return the passphrase of all secrets, as Pulumi takes it from its file.

    Raises OSError when the file that the settings name cannot be read.
    """
    return settings.passphrase or Path(_passphrase_file(settings)).read_text().strip()


def _passphrase(settings: Settings) -> dict[str, str]:
    if settings.passphrase:
        return {'PULUMI_CONFIG_PASSPHRASE': settings.passphrase}
    return {'PULUMI_CONFIG_PASSPHRASE_FILE': _passphrase_file(settings)}


def _passphrase_file(settings: Settings) -> str:
    return settings.passphrase_file or str(_own_passphrase(state_dir(settings) / 'passphrase'))


def _own_passphrase(file: Path) -> Path:
    """Return the file with our passphrase, generated on first use; never overwritten."""
    make_once(file, secrets.token_urlsafe(32))
    return file


def _home(settings: Settings, found: Engine, name: str) -> Path:
    """Return the PULUMI_HOME of one engine; the plugins in it are shared by all.

    Engines do not share the whole of it: `stack select` writes a file there, not atomically.
    """
    state = state_dir(settings)
    home = state / 'home' / name
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    plugins = found.plugins or state / 'plugins'
    plugins.mkdir(mode=0o700, exist_ok=True)
    link = home / 'plugins'
    if not link.is_symlink() or link.readlink() != plugins:
        link.unlink(missing_ok=True)
        link.symlink_to(plugins)
    return home
