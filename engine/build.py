"""What the engine is built of."""

from __future__ import annotations

import shutil
from pathlib import Path

from engine.builds import Recipe
from engine.compiler import Compiler, Module
from engine.errors import WAYS_OUT

SOURCES = Path(__file__).resolve().parent
PULUMI_VERSION = 'v3.259.0'
SDK = 'github.com/pulumi/pulumi/sdk/v3'
LDFLAGS = f'-s -w -X {SDK}/go/common/version.Version={PULUMI_VERSION}'


MODULES = (
    Module(
        SOURCES / 'pulumi',
        {
            'github.com/pulumi/pulumi/pkg/v3/cmd/pulumi': 'pulumi',
            './warm': 'pulumi-warm',
            './dynamic': 'pulumi-resource-pulumi-python',
        },
    ),
    Module(SOURCES / 'random', {'./cmd/pulumi-resource-random': 'pulumi-resource-random'}),
    Module(
        SOURCES / 'python-host',
        {f'{SDK}/python/cmd/pulumi-language-python': 'pulumi-language-python'},
    ),
)
# The folder where the engine looks for this version of a plugin first, and what belongs there.
PLUGINS = {'resource-random-v4.21.4': 'pulumi-resource-random'}
# Scripts that the official installer puts beside the CLI, and where they go here; they come in the
# SDK's Go module. In place of the last one is one of ours, which starts it where nothing is warm.
SCRIPTS = {
    'python/cmd/pulumi-language-python-exec': 'bin',
    'python/dist/pulumi-resource-pulumi-python': 'libexec',
}


def _finish(compiler: Compiler, folder: Path) -> None:
    _copy_scripts(compiler.source_of(f'{SDK}@{PULUMI_VERSION}', MODULES[0]), folder)
    _lay_out_plugins(folder)


def _lay_out_plugins(folder: Path) -> None:
    """Put each plugin where `pulumi plugin install` would put it, as a link."""
    for name, binary in PLUGINS.items():
        plugin = folder / 'plugins' / name
        plugin.mkdir(parents=True)
        (plugin / binary).symlink_to(Path('..', '..', 'bin', binary))


def _copy_scripts(sdk: Path, folder: Path) -> None:
    for script, place in SCRIPTS.items():
        target = folder / place / Path(script).name
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(sdk / script, target)
        target.chmod(0o755)


ENGINE = Recipe(
    name='engine',
    what='Pulumi engine',
    sources=SOURCES,
    modules=MODULES,
    ldflags=LDFLAGS,
    ways_out=WAYS_OUT,
    parts=(PLUGINS, SCRIPTS),
    finish=_finish,
)
