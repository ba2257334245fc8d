"""The licences and notices of what is in the executables: each text once, and whose it is."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from warm_wheel.errors import WheelError

NAMES = re.compile(r'(UN)?LICEN[CS]E|COPYING|COPYRIGHT|NOTICE|PATENTS', re.IGNORECASE)
# What is no text: sources, and the files that tools for licences are set up by.
OTHERS = re.compile(r'\.(go|json|ya?ml|toml|tmpl|tpl|py|sh|js|png|svg|html)$', re.IGNORECASE)
# What a module tests itself with is not in an executable.
LEFT_OUT = {'testdata', 'vendor', 'node_modules', 'examples'}
LINE = '=' * 78
HEAD = """\
The executables in this package are linked of these Go modules, unchanged. The source of a module is
what `go mod download MODULE@VERSION` gets; https://proxy.golang.org has all of them.

"""


def texts(folders: Mapping[str, Path]) -> str:
    """Return all licences and notices in folders as one text.

    folders: where the files of each component are, by its name.

    Raises WheelError when a component has none: nobody may hand it on then.
    """
    owners: dict[str, list[str]] = defaultdict(list)
    for name, folder in sorted(folders.items()):
        found = list(_files(folder))
        if not found:
            raise WheelError(f'{name} has no licence in {folder}, so it cannot go into a wheel.')
        for file in found:
            text = file.read_text(encoding='utf-8', errors='replace').strip()
            # That of a part of it has the part's path.
            part = file.parent.relative_to(folder).as_posix()
            owners[text].append(name if part == '.' else f'{name}: {part}')
    return HEAD + '\n'.join(_block(names, text) for text, names in owners.items())


def _files(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob('*')):
        inside = file.relative_to(folder)
        if NAMES.match(file.name) and not OTHERS.search(file.name) and file.is_file():
            if not LEFT_OUT.intersection(inside.parts):
                yield file


def _block(names: list[str], text: str) -> str:
    return '\n'.join([LINE, *dict.fromkeys(names), LINE, '', text, ''])
