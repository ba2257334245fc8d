"""The Go modules that executables are made of, as the linker has written it into them."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from engine import golang
from engine.children import FailedError
from engine.compiler import Module
from engine.work import Work
from warm_wheel.errors import WheelError


@dataclass(frozen=True, order=True)
class GoModule:
    """A module at one version. sum: go.sum's hash of all its files."""

    path: str
    version: str
    sum: str

    def __str__(self) -> str:
        return f'{self.path}@{self.version}'

    @property
    def sha256(self) -> str:
        """The sum in hexadecimal digits."""
        return base64.b64decode(self.sum.removeprefix('h1:')).hex()


@dataclass(frozen=True)
class Linked:
    """What an executable is made of: the Go of this version, and modules."""

    go: str
    modules: frozenset[GoModule]


class Go:
    """A Go toolchain that is asked about executables and modules."""

    def __init__(self, command: str, work: Work) -> None:
        self._command = command
        self._work = work

    def linked(self, executable: Path) -> Linked:
        """Return what an executable is made of.

        Raises WheelError when it is not one of Go's.
        """
        return parse(self._run(['version', '-m', str(executable)]))

    def folders(self, modules: Set[GoModule], ours: Module) -> dict[GoModule, Path]:
        """Return where the files of modules are, which a module of ours requires.

        Downloads what is not on this machine. Raises WheelError when one cannot be had, or is not
        the one that is in the executable.
        """
        wanted = {str(module): module for module in modules}
        said = '\n'.join(self._run(['mod', 'download', '-json', *sorted(wanted)], ours.folder))
        found: dict[GoModule, Path] = {}
        for each in _objects(said):
            module = wanted.get(f'{each["Path"]}@{each["Version"]}')
            if module is None or each.get('Sum') != module.sum:
                raise WheelError(f'{each["Path"]} is not the one that the engine was built of.')
            found[module] = Path(each['Dir'])
        return found

    def root(self) -> Path:
        """Return the folder of the toolchain."""
        return Path(self._run(['env', 'GOROOT'])[-1])

    def _run(self, arguments: Sequence[str], folder: Path | None = None) -> list[str]:
        lines: list[str] = []
        environ = golang.build_environment()
        try:
            self._work.children.check(
                [self._command, *arguments], cwd=folder, environ=environ, on_line=lines.append
            )
        except FailedError as error:
            raise WheelError(f'`go {" ".join(arguments[:3])}` failed:\n{error}') from None
        return lines


def parse(lines: Sequence[str]) -> Linked:
    """Read the output of `go version -m`; folders of ours that replace a module are no modules."""
    found: list[GoModule] = []
    for line in lines[1:]:
        kind, *fields = line.strip().split('\t')
        if kind == '=>':
            found.pop()
        if kind in ('dep', '=>'):
            found.append(GoModule(*[*fields, '', ''][:3]))
    return Linked(lines[0].rpartition(' ')[2], frozenset(each for each in found if each.sum))


def _objects(text: str) -> list[dict[str, str]]:
    """Return the JSON objects that stand one after another in a text."""
    found, decoder = [], json.JSONDecoder()
    start = text.find('{')
    while start >= 0:
        value, end = decoder.raw_decode(text, start)
        found.append(value)
        start = text.find('{', end)
    return found
