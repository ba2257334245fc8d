"""Downloading and compiling the Go modules of the engine, side by side where that saves time.

The build of a large module keeps all cores busy, but for its linking; downloads keep none busy. So
all is downloaded while the standard library and then the first module compile. The others share
most packages with that one, so they are built after it, while it is linked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from engine.children import FailedError
from engine.errors import BuildError
from engine.progress import Step
from engine.work import Work

# Without symbol tables, local paths and the repository's state the binaries are a third smaller and
# equal on all machines. What debuggers read would only be compiled to be left out.
FLAGS = ('-trimpath', '-buildvcs=false', '-mod=readonly', '-gcflags=all=-dwarf=false')
REQUIRED = re.compile(r'^\t\S+ v\S+', re.MULTILINE)
DOWNLOADED = re.compile(r'# get \S+\.zip: 200 OK.*')
# `go build -v` names each package that it compiles, alone on a line.
PACKAGE = re.compile(r'[\w.~@+-]+(/[\w.~@+-]+)*')


@dataclass(frozen=True)
class Module:
    """A Go module of ours: the folder of its go.mod, and the file to build from each package."""

    folder: Path
    executables: Mapping[str, str]

    @property
    def name(self) -> str:
        """What a message calls it."""
        return self.folder.name


class Compiler:
    """Builds modules with one Go toolchain.

    go, environ: the toolchain and its environment. log: gets all that it says.
    """

    def __init__(
        self,
        go: str,
        environ: Mapping[str, str],
        work: Work,
        log: TextIO,
    ) -> None:
        self._go = go
        self._environ = environ
        self._work = work
        self._log = log

    def build_all(
        self, first: Module, others: Sequence[Module], ldflags: str, target: Path
    ) -> None:
        """Build the executables of all modules into `target`; `first` is the largest module.

        Raises BuildError when a step fails.
        """
        with (
            self._work.progress.step('compiling', 'packages') as step,
            ThreadPoolExecutor() as pool,
            self._work.children.stopped_by_errors(),
        ):
            library = pool.submit(self._compile, first, ['std'], step)
            self._download(first)
            known = self._stale(first)
            step.total = len(known)
            rest = pool.submit(self._prepare, others, known, step)
            library.result()
            # Where they cannot be listed, the build of the executables says why.
            self._compile(first, self._libraries(first) or [*first.executables], step)
            rest.result()
            # To link what is large keeps one core busy, so the others compile beside that.
            modules = [first, *others]
            list(pool.map(lambda module: self._build(module, ldflags, target, step), modules))

    def source_of(self, wanted: str, module: Module) -> Path:
        """Return the folder of a module that one of ours requires, as in `example.com/it@v1.0.0`.

        Raises BuildError when it cannot be had.
        """
        lines: list[str] = []
        try:
            self._run(['mod', 'download', '-json', wanted], module, lines.append)
        except FailedError as error:
            raise BuildError(wanted, Path(self._log.name), str(error)) from None
        # Go may tell of a download before, on its other output.
        said = '\n'.join(lines)
        return Path(json.loads(said[said.index('{') : said.rindex('}') + 1])['Dir'])

    def _prepare(self, modules: Sequence[Module], known: set[str], step: Step) -> None:
        """Download what modules require, and count what is to be compiled beside `known`."""
        self._download(*modules)
        step.total = len(known.union(*map(self._stale, modules)))

    def _download(self, *modules: Module) -> None:
        """Get what modules require. What cannot be had now, their builds ask for, and report."""
        for module in modules:
            with (
                suppress(FailedError),
                self._work.progress.step(f'downloading for {module.name}', 'modules') as step,
            ):
                step.total = len(REQUIRED.findall((module.folder / 'go.mod').read_text()))
                self._run(['mod', 'download', '-x'], module, step.counting(DOWNLOADED))

    def _stale(self, module: Module) -> set[str]:
        """Return the packages that are to be compiled for the module's executables."""
        found: set[str] = set()
        template = '{{if .Stale}}{{.ImportPath}}{{end}}'
        arguments = ['list', *FLAGS, '-deps', '-f', template, *module.executables]
        with suppress(FailedError):
            self._run(arguments, module, lambda line: found.add(line) if line else None)
        return found

    def _libraries(self, module: Module) -> list[str]:
        """Return all packages that the module's executables are linked of, but their own."""
        found: list[str] = []
        template = '{{if not (or .Standard (eq .Name "main"))}}{{.ImportPath}}{{end}}'
        arguments = ['list', '-mod=readonly', '-deps', '-f', template, *module.executables]
        with suppress(FailedError):
            self._run(arguments, module, lambda line: found.append(line) if line else None)
        return found

    def _build(self, module: Module, ldflags: str, target: Path, step: Step) -> None:
        folder = target.parent / f'{module.name}-executables'
        folder.mkdir()
        arguments = ['-ldflags', ldflags, '-o', f'{folder}/', *module.executables]
        self._compile(module, arguments, step)
        for package, name in module.executables.items():
            (folder / package.rpartition('/')[2]).rename(target / name)
        folder.rmdir()

    def _compile(self, module: Module, arguments: Sequence[str], step: Step) -> None:
        try:
            self._run(['build', '-v', *FLAGS, *arguments], module, step.counting(PACKAGE))
        except FailedError as error:
            raise BuildError(module.name, Path(self._log.name), str(error)) from None

    def _run(
        self, arguments: Sequence[str], module: Module, on_line: Callable[[str], object]
    ) -> None:
        command = [self._go, *arguments]
        self._note(f'== {module.name}: {" ".join(command)}')

        def take(line: str) -> None:
            self._note(line)
            on_line(line)

        self._work.children.check(command, cwd=module.folder, environ=self._environ, on_line=take)

    def _note(self, line: str) -> None:
        print(line, file=self._log, flush=True)
