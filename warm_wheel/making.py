"""Making the two wheels out of a finished build of the engine."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from hatchling.builders.wheel import WheelBuilder

from engine.compiler import Module
from engine.installed import FOLDER
from warm_wheel import bill, contents, licences
from warm_wheel.contents import HERE
from warm_wheel.modules import GoModule, Linked
from warm_wheel.platforms import platform_of

# All files are dated so, in seconds since 1970: the same contents make the same wheel.
WHEN = 1_577_836_800
BILL = 'warm-pulumi.cdx.json'
# By which licences a wheel goes: what is ours, and with the modules in the executables. The texts
# are in `licences.texts`; who raises a module looks there for one that is not named here.
OURS = 'license = "Apache-2.0"'
ALL = (
    'license = "Apache-2.0 AND BSD-2-Clause AND BSD-3-Clause AND ISC AND MIT AND MPL-2.0'
    ' AND Unlicense"'
)
HOOK = """
[tool.hatch.build.targets.wheel]
sbom-files = ["{bill}"]

[tool.hatch.build.targets.wheel.hooks.custom]
platform = "{platform}"
"""


def pure(target: Path) -> Path:
    """Make the wheel without executables in a folder; return it."""
    with _staged() as folder:
        return _pack(folder, target)


def platform(
    engine: Path, fingerprint: str, describe: Callable[[Path], None], target: Path
) -> Path:
    """Make the wheel with the executables of an engine in a folder; return it.

    engine: the folder of a finished build; fingerprint: of what it was built of.
    describe: puts licences and the bill of materials beside what is laid out in a folder.

    Raises WheelError when they cannot go to other machines.
    """
    with _staged() as folder:
        contents.lay_out_executables(engine, fingerprint, folder)
        describe(folder)
        settings = HOOK.format(bill=BILL, platform=platform_of((engine / 'bin').iterdir()))
        project = folder / 'pyproject.toml'
        project.write_text(project.read_text().replace(OURS, ALL) + settings)
        (folder / 'hatch_build.py').write_bytes((HERE / 'hatch_build.py').read_bytes())
        return _pack(folder, target)


class Toolchain(Protocol):
    """Who knows what executables are made of; see modules.Go."""

    def linked(self, executable: Path) -> Linked: ...

    def folders(self, modules: Set[GoModule], ours: Module) -> dict[GoModule, Path]: ...

    def root(self) -> Path: ...


class Describer:
    """Says what executables are made of: licences, and a bill of materials."""

    def __init__(self, go: Toolchain, modules: tuple[Module, ...]) -> None:
        self._go = go
        self._modules = modules

    def __call__(self, folder: Path) -> None:
        """Put licences and the bill of materials beside what is laid out in a folder.

        Raises WheelError.
        """
        linked: dict[str, Linked] = {}
        sources: dict[str, Path] = {}
        for module in self._modules:
            made = self._linked(module, folder)
            linked |= made
            libraries = {each for one in made.values() for each in one.modules}
            folders = self._go.folders(libraries, module)
            sources |= {str(each): path for each, path in folders.items()}
        sources |= dict.fromkeys((f'Go {each.go}' for each in linked.values()), self._go.root())
        (folder / 'LICENSE.go-modules.txt').write_text(licences.texts(sources))
        _write_bill(folder, linked)

    def _linked(self, module: Module, folder: Path) -> dict[str, Linked]:
        paths = [f'{FOLDER}/bin/{name}' for name in module.executables.values()]
        return {path: self._go.linked(folder / path) for path in paths}


def _write_bill(folder: Path, linked: Mapping[str, Linked]) -> None:
    about = WheelBuilder(str(folder)).metadata
    files = contents.files_in(folder)
    text = bill.bill(about.name, about.version, files, linked, WHEN)
    (folder / BILL).write_text(text)


@contextmanager
def _staged() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        contents.lay_out_package(Path(name))
        yield Path(name)


def _pack(folder: Path, target: Path) -> Path:
    # hatchling asks the environment for the date.
    os.environ['SOURCE_DATE_EPOCH'] = str(WHEN)
    [made] = WheelBuilder(str(folder)).build(directory=str(target), versions=['standard'])
    return Path(made)
