"""The Pulumi packages that are installed beside the program."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress

from pulumi.runtime.proto import plugin_pb2

_NO_PLUGIN = {'pulumi', 'pulumi-policy', 'pulumi-esc-sdk'}


def preload() -> None:
    """Imports the SDKs of installed providers: what a program is most likely to import, and slow."""
    for name, _, folder in _installed():
        module = name.replace('-', '_')
        if os.path.isdir(os.path.join(folder, module)):
            with suppress(Exception):  # The program will meet the same error, if it imports it.
                importlib.import_module(module)


def required() -> list[plugin_pb2.PackageDependency]:
    """The plugins that the installed packages ask for, as the stock host determines them."""
    dependencies = []
    for name, version, folder in _installed():
        description = _plugin_json(os.path.join(folder, name.replace('-', '_')))
        if description.get('resource') is False:
            continue
        version = description.get('version') or _semantic(version)
        if version:
            dependencies.append(
                plugin_pb2.PackageDependency(
                    name=description.get('name') or name.removeprefix('pulumi-'),
                    kind='resource',
                    version=version if version.startswith('v') else f'v{version}',
                    server=description.get('server') or '',
                    parameterization=_parameterization(description),
                )
            )
    return dependencies


def _installed() -> Iterator[tuple[str, str, str]]:
    for distribution in importlib.metadata.distributions():
        name = re.sub(r'[-_.]+', '-', distribution.metadata['Name'] or '').lower()
        if name.startswith('pulumi-') and name not in _NO_PLUGIN:
            yield name, distribution.version, str(distribution.locate_file(''))


def _plugin_json(package: str) -> dict:
    try:
        with open(os.path.join(package, 'pulumi-plugin.json'), encoding='utf-8') as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def _parameterization(description: dict) -> plugin_pb2.PackageParameterization | None:
    given = description.get('parameterization')
    if not given:
        return None
    return plugin_pb2.PackageParameterization(
        name=given['name'], version=given['version'], value=given['value'].encode()
    )


def _semantic(version: str) -> str:
    """A pre-release of Python's does not tell the plugin's version: then none is asked for."""
    return version if re.fullmatch(r'\d+\.\d+\.\d+', version) else ''


def snapshot() -> dict[str, int]:
    """When each place that modules were imported from last changed.

    Folders of packages change when a package is installed, files when somebody edits them.
    """
    places = {path for path in sys.path if os.path.isdir(path)}
    for module in list(sys.modules.values()):
        file = getattr(module, '__file__', None)
        if file and 'site-packages' in file:
            places.add(file)
    places.add(os.path.join(sys.prefix, 'pyvenv.cfg'))
    return {place: _changed(place) for place in places}


def _changed(place: str) -> int:
    try:
        return os.stat(place).st_mtime_ns
    except FileNotFoundError:
        return 0


def is_current(snapshot: dict[str, int]) -> bool:
    """Tells whether what was imported is still what is installed."""
    return all(_changed(place) == when for place, when in snapshot.items())
