"""`python -m bench.package`: the Automation API with the stock CLI and with `WarmPulumi`.

`make bench` measures this with all else; by itself it renews its own figures alone.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pulumi
import pulumi_random
from pulumi import automation as auto

import engine
from bench import report
from bench.timing import Sample
from tests.paths import ROOT
from warm_pulumi import WarmPulumi

ROUNDS = 7
# The slow way once for so many of ours.
PER_ROUND = 10
SOURCE = """
import pulumi, pulumi_random
pulumi.export('name', pulumi_random.RandomPet('pet').id)
"""

Open = Callable[[auto.LocalWorkspaceOptions], auto.Stack]


def program() -> None:
    """Declare what SOURCE does."""
    pulumi.export('name', pulumi_random.RandomPet('pet').id)


def measure(folder: Path, found: engine.Engine, rounds: int) -> dict[str, Any]:
    """Time a stack's life, both ways in turn, for a program in a folder and for a function."""
    environ = _environ(folder, found)
    openers = {'local': _local(folder), 'inline': _inline}
    stock = auto.PulumiCommand(str(found.pulumi.parent.parent))
    samples = {f'{kind} {way}': Sample() for kind in openers for way in ('stock', 'warm')}
    with closing(WarmPulumi(str(found.warm), str(found.pulumi))) as warm:
        for kind, opener in openers.items():
            life(opener, warm, environ)  # Its first command starts the engine.
            life(opener, stock, environ)
            for _ in range(rounds):
                samples[f'{kind} stock'].measure(lambda: life(opener, stock, environ))  # noqa: B023
                for _ in range(PER_ROUND):
                    samples[f'{kind} warm'].measure(lambda: life(opener, warm, environ))  # noqa: B023
    return {name: sample.summary() for name, sample in samples.items()}


def life(opener: Open, command: auto.PulumiCommand, environ: Mapping[str, str]) -> None:
    """Create a stack, update it, read its output, destroy and remove it."""
    options = auto.LocalWorkspaceOptions(pulumi_command=command, env_vars=environ)
    stack = opener(options)
    if not stack.up().outputs['name'].value:
        raise RuntimeError('there is no output')
    stack.destroy()
    stack.workspace.remove_stack(stack.name)


def _local(folder: Path) -> Open:
    work_dir = folder / 'local'
    work_dir.mkdir()
    runtime = f'{{name: python, options: {{virtualenv: {sys.prefix}}}}}'
    (work_dir / 'Pulumi.yaml').write_text(f'name: local\nruntime: {runtime}\n')
    (work_dir / '__main__.py').write_text(SOURCE)
    return lambda options: auto.create_stack('dev', work_dir=str(work_dir), opts=options)


def _inline(options: auto.LocalWorkspaceOptions) -> auto.Stack:
    return auto.create_stack('dev', project_name='inline', program=program, opts=options)


def _environ(folder: Path, found: engine.Engine) -> dict[str, str]:
    (folder / 'backend').mkdir()
    return {
        # The stock language host takes a venv by its PATH.
        'PATH': os.pathsep.join([f'{sys.prefix}/bin', str(found.bin), os.environ['PATH']]),
        'PULUMI_BACKEND_URL': (folder / 'backend').as_uri(),
        'PULUMI_CONFIG_PASSPHRASE': 'benchmark',
        'PULUMI_HOME': str(folder / 'home'),
        'PULUMI_SKIP_UPDATE_CHECK': 'true',
    }


def main() -> int:
    """Measure, and write the figures where the others are."""
    file = ROOT / report.RESULTS
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(Path(folder), engine.set_up(), ROUNDS)
    results = json.loads(file.read_text())
    results['package'] = {'machine': report.machine(), **measured}
    report.write_figures(results, ROOT)
    return 0


if __name__ == '__main__':
    sys.exit(main())
