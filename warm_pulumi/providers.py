"""Finding provider plugins, as the engine does."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping

from . import users


def find(name: str, env: Mapping[str, str]) -> str | None:
    """The provider's executable: on the PATH, else the latest one among the installed plugins."""
    executable = f'pulumi-resource-{name}'
    on_path = shutil.which(executable, path=env.get('PATH'))
    if on_path and env.get('PULUMI_IGNORE_AMBIENT_PLUGINS', '').lower() not in ('1', 'true'):
        return on_path
    home = env.get('PULUMI_HOME') or os.path.join(users.home() or env.get('HOME', ''), '.pulumi')
    plugins = os.path.join(home, 'plugins')
    versions = _installed_versions(plugins, name)
    if not versions:
        return None
    candidate = os.path.join(plugins, f'resource-{name}-v{versions[-1]}', executable)
    return candidate if os.access(candidate, os.X_OK) else None


def attached(env: Mapping[str, str]) -> set[str]:
    """The providers that the caller has attached by the engine's own variable."""
    entries = env.get('PULUMI_DEBUG_PROVIDERS', '').split(',')
    return {entry.partition(':')[0] for entry in entries if entry}


def _installed_versions(plugins: str, name: str) -> list[str]:
    pattern = re.compile(rf'resource-{re.escape(name)}-v(\d+\.\d+\.\d+)')
    try:
        entries = os.listdir(plugins)
    except OSError:  # There are none, or none that the engine could read either.
        return []
    found = (pattern.fullmatch(entry) for entry in entries)
    versions = [match.group(1) for match in found if match]
    return sorted(versions, key=lambda version: [int(part) for part in version.split('.')])
