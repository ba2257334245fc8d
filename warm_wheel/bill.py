"""The bill of materials: what is in the wheel, in CycloneDX's JSON."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from warm_wheel.modules import GoModule, Linked

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, 'https://cyclonedx.org/#warm-pulumi')


def bill(
    name: str, version: str, files: Mapping[str, Path], linked: Mapping[str, Linked], when: int
) -> str:
    """Return the bill of materials of a wheel, the same for the same things.

    name, version: of the wheel. files: what is in it, by the path there.
    linked: what the executables among these are made of.
    when: seconds since 1970 that it shall be dated.
    """
    whole = Component(
        name=name,
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref=name,
        purl=PackageURL('pypi', None, name, version),
    )
    bom = Bom()
    bom.metadata.component = whole
    bom.metadata.timestamp = datetime.fromtimestamp(when, timezone.utc)
    modules = {module: _module(module) for each in linked.values() for module in _all_of(each)}
    parts = {path: _file(path, file, path in linked) for path, file in files.items()}
    for component in (*modules.values(), *parts.values()):
        bom.components.add(component)
    bom.register_dependency(whole, parts.values())
    for path, each in linked.items():
        bom.register_dependency(parts[path], [modules[module] for module in _all_of(each)])
    bom.serial_number = uuid.uuid5(NAMESPACE, _fingerprint(parts.values()))
    return str(JsonV1Dot6(bom).output_as_string(indent=1)) + '\n'


def _all_of(linked: Linked) -> Iterable[GoModule]:
    """Return the modules with, as one of them, Go's own library."""
    return [*linked.modules, GoModule('stdlib', linked.go.removeprefix('go'), '')]


def _module(module: GoModule) -> Component:
    namespace, _, name = module.path.rpartition('/')
    return Component(
        name=module.path,
        version=module.version,
        type=ComponentType.LIBRARY,
        bom_ref=str(module),
        purl=PackageURL('golang', namespace, name, module.version),
        # Of the list of its files' hashes, as go.sum has it.
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=module.sha256)] if module.sum else [],
    )


def _file(path: str, file: Path, is_executable: bool) -> Component:
    return Component(
        name=path,
        type=ComponentType.APPLICATION if is_executable else ComponentType.FILE,
        bom_ref=path,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256(file.read_bytes()).hexdigest())],
    )


def _fingerprint(parts: Iterable[Component]) -> str:
    return ' '.join(sorted(f'{each.name} {next(iter(each.hashes)).content}' for each in parts))
