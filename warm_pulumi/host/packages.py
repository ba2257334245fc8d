"""The Pulumi packages that are installed beside the program."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import linecache
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

_NO_PLUGIN = {'pulumi', 'pulumi-policy', 'pulumi-esc-sdk'}
# What dynamic providers are written over, and takes long to import.
_CLIENTS = ('boto3', 'psycopg')


def preload() -> None:
    """Imports what a program is most likely to import, and slow: SDKs of providers, clients."""
    for name, _, folder in _installed():
        module = name.replace('-', '_')
        if os.path.isdir(os.path.join(folder, module)):
            _import(module)
    for client in _CLIENTS:
        if importlib.util.find_spec(client):
            _import(client)
    _read_sources()


def _import(module: str) -> None:
    with suppress(Exception):  # The program will meet the same error, if it imports it.
        importlib.import_module(module)


def _read_sources() -> None:
    """Fills the cache of source lines: the SDK looks up where a resource comes from."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, '__file__', None)
        if name.startswith('pulumi') and file:
            linecache.getlines(file)


def greeting() -> dict[str, Any]:
    """What the engine needs to know of this interpreter."""
    return {
        'executable': sys.executable,
        'version': '.'.join(map(str, sys.version_info[:3])),
        'virtual_env': sys.prefix if sys.prefix != sys.base_prefix else '',
        'packages': list(_required()),
    }


def _required() -> Iterator[dict[str, Any]]:
    """The plugins that the installed packages ask for, as the stock host determines them."""
    for name, installed, folder in _installed():
        description = _plugin_json(os.path.join(folder, name.replace('-', '_')))
        version = description.get('version') or _semantic(installed)
        if description.get('resource') is False or not version:
            continue
        yield {
            'name': description.get('name') or name.removeprefix('pulumi-'),
            'version': version if version.startswith('v') else f'v{version}',
            'server': description.get('server') or '',
            'parameterization': description.get('parameterization'),
        }


def _installed() -> Iterator[tuple[str, str, str]]:
    for distribution in importlib.metadata.distributions():
        name = re.sub(r'[-_.]+', '-', distribution.metadata['Name'] or '').lower()
        if name.startswith('pulumi-') and name not in _NO_PLUGIN:
            yield name, distribution.version, str(distribution.locate_file(''))


def _plugin_json(package: str) -> dict[str, Any]:
    try:
        with open(os.path.join(package, 'pulumi-plugin.json'), encoding='utf-8') as file:
            return dict(json.load(file))
    except FileNotFoundError:
        return {}


def _semantic(version: str) -> str:
    """A pre-release of Python's does not tell the plugin's version: then none is asked for."""
    return version if re.fullmatch(r'\d+\.\d+\.\d+', version) else ''


class Snapshot:
    """When each place that modules were imported from last changed.

    Folders of packages change when a package is installed, files when somebody edits them.
    """

    def __init__(self) -> None:
        places = {path for path in sys.path if os.path.isdir(path)}
        files = [getattr(module, '__file__', None) for module in sys.modules.values()]
        places.update(file for file in files if file and 'site-packages' in file)
        places.add(os.path.join(sys.prefix, 'pyvenv.cfg'))
        self._seen = {place: _changed(place) for place in places}

    def is_current(self) -> bool:
        """Tells whether what was imported is still what is installed."""
        return all(_changed(place) == when for place, when in self._seen.items())


def _changed(place: str) -> int:
    try:
        return os.stat(place).st_mtime_ns
    except FileNotFoundError:
        return 0
