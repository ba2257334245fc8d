"""`python -m bench`: the tutorial's own steps against ours, in one run on one machine."""

from __future__ import annotations

import argparse
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests

import engine
from bench import lasting, load, migrations, opentofu, package, report, sites
from bench.timing import Sample
from tests.paths import ROOT
from tests.service import Service, serving

# Per round: the slow ways once, the warm ones several times, so that all see the same minute.
WARM = ('warm', 'checkout')
WARM_PER_ROUND = 10
CONCURRENCIES = (1, 2, 4, 8)

Way = Callable[[], object]


def main() -> int:
    parser = argparse.ArgumentParser(prog='python -m bench', description=__doc__)
    parser.add_argument('--quick', action='store_true', help='two minutes: no peer, no growth')
    quick = parser.parse_args().quick
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        results = run(folder, stack, quick)
    print('\n\n'.join(report.tables(results).values()))
    if not quick:
        report.write(results, ROOT)
    return 0


def run(folder: Path, stack: ExitStack, quick: bool) -> dict[str, Any]:
    """Run the whole benchmark and return its figures."""
    found = engine.set_up()
    start = functools.partial(
        serving, folder, root=str(deployed(folder / 'service')), SLOT_WAIT='60'
    )
    warm = stack.enter_context(start(ENGINE='warm'))
    cli = stack.enter_context(start(ENGINE='cli'))
    ways: dict[str, Way] = {
        'tutorial': stack.enter_context(tutorial(folder / 'tutorial', found)),
        'cli': functools.partial(one_request, cli),
        'warm': functools.partial(one_request, warm),
    }
    if (ROOT / '.git').exists():
        checkout = stack.enter_context(serving(folder, ENGINE='warm'))
        ways['checkout'] = functools.partial(one_request, checkout)
    if not quick:
        ways['opentofu'] = peer(folder / 'opentofu')
    results: dict[str, Any] = {
        'machine': report.machine(),
        'cycle': cycles(ways, 1 if quick else 7),
    }
    seconds = 2.0 if quick else 10.0
    say('throughput over HTTP')
    results['throughput'] = [
        load.throughput(warm, concurrency, seconds).summary() for concurrency in CONCURRENCIES
    ]
    say('stacks that last')
    with start(ENGINE='warm', SLOTS='1') as service:
        results['lasting'] = lasting_stacks(service, folder, found, quick)
    say('warm_pulumi by itself')
    (folder / 'package').mkdir()
    figures = package.measure(folder / 'package', found, 1 if quick else package.ROUNDS)
    results['package'] = {'machine': results['machine'], **figures}
    say('sites')
    with start(ENGINE='warm', SLOTS='1') as service:
        results['sites'] = sites.measure(service, folder, found, 1 if quick else 6)
    say('migrations')
    rows = migrations.ROWS // 10 if quick else migrations.ROWS
    results['migrations'] = migrations.measure(folder / 'migrations', rows, 1 if quick else 3)
    if not quick:
        say('growth')
        one_slot = functools.partial(start, ENGINE='warm', SLOTS='1')
        results['growth'] = load.growth(one_slot, load.CYCLES, say)
    return results


def lasting_stacks(
    service: Service, folder: Path, found: engine.Engine, quick: bool
) -> dict[str, Any]:
    """Measure stacks that last; see bench/lasting.py."""
    platform = lasting.Platform(service)
    platform.wait_until_up()
    idle = lasting.idle(platform)
    program = Path(folder / 'service' / 'burner-program')
    by_hand = lasting.Plain(folder / 'plain', program, found)
    one_request(service)  # It makes the program's venv.
    return {
        'orders': lasting.orders(platform, by_hand, 1 if quick else 7),
        'throughput': [lasting.throughput(platform, count, 5.0) for count in (1, 4, 8)],
        'lists': lasting.lists(platform),
        'idle': {'before': idle, 'after': lasting.idle(platform)},
    }


def deployed(folder: Path) -> Path:
    """Copy what the service consists of, as an installation has it: without Git's folder.

    In a Git checkout Pulumi reads the repository with each operation, and runs `git status`. The
    other ways are not measured in one either.
    """
    left_out = shutil.ignore_patterns('.*', 'venv', '__pycache__', 'docs', 'Pulumi.*.yaml')
    shutil.copytree(ROOT, folder, ignore=left_out)
    return folder


def cycles(ways: dict[str, Way], rounds: int) -> dict[str, dict[str, float]]:
    """Time each way, in turn, round after round."""
    samples = {name: Sample() for name in ways}
    for name, way in ways.items():
        if name != 'tutorial':  # It makes everything anew each time.
            say(f'warming up: {name}')
            way()
    for number in range(1, rounds + 1):
        say(f'round {number} of {rounds}')
        for name, way in ways.items():
            for _ in range(WARM_PER_ROUND if name in WARM else 1):
                samples[name].measure(way)
    return {name: sample.summary() for name, sample in samples.items()}


def one_request(service: Service) -> None:
    """Send one request and insist on its answer."""
    requests.get(f'{service.url}/uuid', timeout=120).raise_for_status()


@contextmanager
def tutorial(folder: Path, found: engine.Engine) -> Iterator[Way]:
    """Yield a function that does the tutorial's steps once, in a process of their own."""
    folder.mkdir()
    for name in ('__main__.py', 'Pulumi.yaml', 'requirements.txt'):
        shutil.copy(ROOT / 'burner-program' / name, folder)
    (folder / 'backend').mkdir()
    environ = {
        **os.environ,
        'PATH': os.pathsep.join([str(folder / 'venv/bin'), str(found.bin), os.environ['PATH']]),
        'PULUMI_BACKEND_URL': (folder / 'backend').as_uri(),
        'PULUMI_CONFIG_PASSPHRASE': 'benchmark',
        'PULUMI_HOME': str(folder / 'home'),
        'PULUMI_SKIP_UPDATE_CHECK': 'true',
    }
    process = subprocess.Popen(
        [sys.executable, ROOT / 'bench' / 'tutorial.py'],
        cwd=folder,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def cycle() -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        print(file=process.stdin, flush=True)
        if not process.stdout.readline():
            raise RuntimeError('the tutorial failed; its error is above')

    try:
        yield cycle
    finally:
        process.kill()
        process.wait()


def peer(folder: Path) -> Way:
    """Return a function that does one cycle of OpenTofu's."""
    say('building OpenTofu where it is not built yet: about 3 minutes')
    folder.mkdir()
    return opentofu.OpenTofu(folder, opentofu.build_peer()).cycle


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == '__main__':
    sys.exit(main())
