"""A program of the catalogue, read from its folder: `Pulumi.yaml` and `inputs.schema.json`.

Each thing is declared once. `Pulumi.yaml` has the name, the description and, under `config:`, each
input's type, default, description and whether it is secret. What Pulumi's own format cannot say of
an input (a title, a choice, limits, a pattern) is in an optional JSON Schema beside it; its order
of inputs is the one that people see.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from servers.servers import NEEDS
from settings import NAME
from stacks import program_inputs
from stacks.program_files import (
    PROJECT_FILE,
    REQUIREMENTS_FILE,
    ProgramError,
    mapping,
    opened,
    plain,
    read_yaml,
)

# Not a part of the program: what is made beside it, and stacks' settings.
MADE = re.compile(r'venv|\.venvs|__pycache__|\.git|Pulumi\.[^/]+\.yaml')


@dataclass(frozen=True)
class Program:
    """What a catalogue has to say of a program.

    name: of the Pulumi project.
    schema: a JSON Schema (2020-12) of its inputs, an object.
    needs: the servers that it uses, of NEEDS.
    reason: why it is not available; empty when it is.
    """

    folder: Path
    name: str
    title: str = ''
    description: str = ''
    category: str = ''
    schema: dict[str, Any] = field(default_factory=dict)
    needs: frozenset[str] = frozenset()
    reason: str = ''

    @property
    def secrets(self) -> frozenset[str]:
        """The names of the inputs that are secret."""
        known = self.schema.get('properties', {})
        return frozenset(name for name, schema in known.items() if schema.get('writeOnly'))


def read(folder: Path) -> Program:
    """Read the program in a folder.

    Raises ProgramError when it cannot be used.
    """
    project = read_yaml(folder / PROJECT_FILE)
    name = project.get('name')
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ProgramError(f'{PROJECT_FILE}: name must be lower-case letters, digits and dashes')
    _check_runtime(project.get('runtime'))
    with opened(folder / REQUIREMENTS_FILE):
        pass
    if not _is_utf8(folder):
        raise ProgramError('the path of its folder must be UTF-8')
    template = _part(project, 'template')
    category = _part(template, 'metadata').get('category')
    extra = program_inputs.read_extra(folder)
    shown = {
        'title': str(template.get('displayName') or name),
        'description': str(project.get('description') or '').strip(),
        'category': str(category or ''),
        'schema': program_inputs.schema(_part(project, 'config'), name, extra),
    }
    return Program(folder, name, needs=needs(project), **plain(shown, PROJECT_FILE))


def needs(project: dict[str, Any]) -> frozenset[str]:
    """Return what a program needs, of what its Pulumi.yaml has.

    Raises ProgramError when that is nothing that there is.
    """
    named = frozenset(str(_part(_part(project, 'template'), 'metadata').get('needs', '')).split())
    if unknown := sorted(named.difference(NEEDS)):
        known = ', '.join(NEEDS)
        raise ProgramError(f'{PROJECT_FILE}: needs has {unknown[0]}; there is {known}')
    return named


def digest(folder: Path) -> str:
    """Return what changes when the program does: a SHA-256 over its files, in hexadecimal."""
    found = hashlib.sha256()
    for path in sorted(_sources(folder)):
        kind, content = _content(path)
        found.update(kind + os.fsencode(path.relative_to(folder)) + b'\0' + content)
    return found.hexdigest()


def is_source(path: Path) -> bool:
    """Tell whether something in a program's folder is a part of the program.

    A link is one as it stands, whatever it leads to: nothing behind it is read.
    """
    mode = path.lstat().st_mode
    is_kept = stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)
    return is_kept and not MADE.fullmatch(path.name)


def _sources(folder: Path) -> Iterator[Path]:
    """Yield all files and links of a program."""
    folders = [folder]
    while folders:
        for path in filter(is_source, folders.pop().iterdir()):
            if path.is_dir() and not path.is_symlink():
                folders.append(path)
            else:
                yield path


def _content(path: Path) -> tuple[bytes, bytes]:
    """Return what kind of source this is, and a hash of what is in it."""
    if path.is_symlink():
        return b'link ', hashlib.sha256(os.fsencode(os.readlink(path))).digest()
    found = hashlib.sha256()
    with opened(path) as handle:
        while part := handle.read(1 << 20):
            found.update(part)
    return b'file ', found.digest()


def _check_runtime(runtime: Any) -> None:
    name = runtime.get('name') if isinstance(runtime, dict) else runtime
    if name != 'python':
        raise ProgramError(f'{PROJECT_FILE}: runtime must be python')
    options = _part(runtime, 'options') if isinstance(runtime, dict) else {}
    if options.get('virtualenv', 'venv') != 'venv':
        raise ProgramError(f'{PROJECT_FILE}: virtualenv must be venv, which is made for it')


def _part(whole: dict[str, Any], name: str) -> dict[str, Any]:
    return mapping(whole.get(name), f'{PROJECT_FILE}: {name}')


def _is_utf8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
