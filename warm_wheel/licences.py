"""The licences and notices of what is in the executables: each text once, and whose it is."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path

from warm_wheel.errors import WheelError

NAMES = re.compile(r'(UN)?LICEN[CS]E|COPYING|COPYRIGHT|NOTICE|PATENTS', re.IGNORECASE)
# What is no text: sources, and the files that tools for licences are set up by.
OTHERS = re.compile(r'\.(go|json|ya?ml|toml|tmpl|tpl|py|sh|js|png|svg|html)$', re.IGNORECASE)
# What a module tests itself with is not in an executable.
LEFT_OUT = {'testdata', 'vendor', 'node_modules', 'examples'}
# Modules whose licence is only at the head of their sources, and one of these.
HEADS = {'github.com/pulumi-labs/pulumi-hcl': 'pkg/converter/converter.go'}
# Modules that say by which licences they go, but have the text of none for the whole.
READMES = {'github.com/sourcegraph/appdash-data': 'README.md'}
LINE = '=' * 78
HEAD = """\
The executables in this package are linked of these Go modules, unchanged. The source of a module is
what `go mod download MODULE@VERSION` gets; https://proxy.golang.org has all of them.

"""


def texts(folders: Mapping[str, Path]) -> str:
    """Return all licences and notices in folders as one text.

    folders: where the files of each component are, by its name.

    Raises WheelError when a component has none for the whole of it: nobody may hand it on then.
    """
    owners: dict[str, list[str]] = defaultdict(list)
    for name, folder in sorted(folders.items()):
        found: dict[str, str] = {}
        for file in _files(folder):
            found.setdefault(_read(file), _whose(name, file, folder))
        if name not in found.values():
            # What a part of it goes by, such as a library of somebody else, says nothing of it.
            found[_stated(name, folder)] = name
        for text, owner in found.items():
            owners[text].append(owner)
    return HEAD + '\n'.join(_block(names, text) for text, names in owners.items())


def _files(folder: Path) -> Iterator[Path]:
    """Return the licences and notices in a folder, those of the whole before those of parts."""
    for file in sorted(folder.rglob('*'), key=lambda each: (len(each.parts), each)):
        is_named_so = NAMES.match(file.name) and not OTHERS.search(file.name)
        is_left_out = LEFT_OUT.intersection(file.relative_to(folder).parts)
        if is_named_so and not is_left_out and file.is_file():
            yield file


def _read(file: Path) -> str:
    return file.read_text(encoding='utf-8', errors='replace').strip()


def _whose(name: str, file: Path, folder: Path) -> str:
    """Return the name of a component, with the part of it that a licence is for."""
    part = file.parent.relative_to(folder).as_posix()
    return name if part == '.' else f'{name}: {part}'


def _stated(name: str, folder: Path) -> str:
    """Return what the sources of a component, or its README, say of its licence."""
    module = name.partition('@')[0]
    text = ''
    if module in READMES:
        text = _read(folder / READMES[module])
    elif module in HEADS:
        lines = _read(folder / HEADS[module]).splitlines()
        text = '\n'.join(takewhile(lambda line: line.startswith('//'), lines))
    if not text:
        raise WheelError(
            f'{name} has no licence in {folder}, so it cannot go into a wheel. Where its sources '
            'have one at their head, name one of them in HEADS of warm_wheel/licences.py; where '
            'its README tells of one, name that in READMES.'
        )
    return text


def _block(names: list[str], text: str) -> str:
    return '\n'.join([LINE, *dict.fromkeys(names), LINE, '', text, ''])
