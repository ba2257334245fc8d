"""The executables that a ``WarmPulumi`` takes where it is told none."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping

from .errors import ExecutablesError
from .versions import CLI, text

# Where the platform wheel has them.
_OWN = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'executables', 'bin')
_VERSION_LIMIT = 30.0


def find(environ: Mapping[str, str], own: str = _OWN) -> tuple[str, str]:
    """Returns engine and CLI: those that came with this package, else those on the ``PATH``.

    Raises ExecutablesError where there are none, or the CLI is of another version.
    """
    if os.path.exists(own):
        return _usable(os.path.join(own, 'pulumi-warm')), _usable(os.path.join(own, 'pulumi'))
    engine = _on_path('pulumi-warm', environ)
    cli = _on_path('pulumi', environ)
    found = _version_of(cli, environ)
    if found != text(CLI):
        raise ExecutablesError(
            f'{cli} is Pulumi {found or "of a version that it does not tell"}, and this '
            f'warm_pulumi goes with {text(CLI)} alone. Have that one on the PATH, or {_WHEEL}.'
        )
    return engine, cli


def _usable(path: str) -> str:
    if not os.access(path, os.X_OK):
        raise ExecutablesError(
            f'{path} may not be executed by this user. It was unpacked without its permissions, or '
            'under a umask that closes it: install the wheel again, with pip and a umask of 022.'
        )
    return path


_WHEEL = 'install the wheel of warm_pulumi that is for your platform: both are in it'


def _on_path(name: str, environ: Mapping[str, str]) -> str:
    found = shutil.which(name, path=environ.get('PATH'))
    if found is None:
        raise ExecutablesError(
            f'There is no {name}: it did not come with this warm_pulumi, and is not on the PATH. '
            f'{_WHEEL.capitalize()}. Or name both executables: WarmPulumi(engine, cli).'
        )
    return found


def _version_of(cli: str, environ: Mapping[str, str]) -> str | None:
    """The version that a CLI tells; None where it tells none."""
    try:
        done = subprocess.run(
            [cli, 'version'],
            env={**environ, 'PULUMI_SKIP_UPDATE_CHECK': 'true'},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
            timeout=_VERSION_LIMIT,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r'v?(\d+\.\d+\.\d+\S*)', done.stdout)
    return match[1] if match else None
