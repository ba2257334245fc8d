"""The figures of a benchmark as a table, as JSON and as a plot, and the README's copy of them."""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
from pathlib import Path
from typing import Any

WAYS = {
    'tutorial': "(a) the tutorial's own steps",
    'cli': '(b) this service, `ENGINE=cli`',
    'warm': '(c) this service, warm engine',
    'checkout': '(c) in a Git checkout',
    'opentofu': '(d) OpenTofu: apply, output, destroy',
}
WINDOWS = {
    'first': 'first',
    'second': 'second',
    'last': 'last',
    'fresh': 'in turn with the last, of a new service: first',
}
MIGRATIONS = {
    'text file': 'limit: `COPY FROM` a prepared file, text',
    'binary file': 'limit: `COPY FROM` a prepared file, binary',
    'sqlite': 'SQLite, with checkpoints, checksum, key and swap',
    'pgloader sqlite': 'SQLite, pgloader',
    'postgres': 'PostgreSQL, with checkpoints, checksum, key and swap',
    'mariadb': 'MariaDB, with checkpoints, checksum, key and swap',
    'pgloader mariadb': 'MariaDB, pgloader',
}
LIVES = {
    'local stock': 'a program in a folder: the stock CLI',
    'local warm': 'the same, `WarmPulumi`',
    'inline stock': 'an inline program: the stock CLI',
    'inline warm': 'the same, `WarmPulumi`',
}
RESULTS = Path('docs', 'benchmark', 'results.json')
BEGIN, END = '<!-- benchmark: written by `make bench` -->', '<!-- end of the benchmark -->'
BLOCK = re.compile(f'{re.escape(BEGIN)}.*?{re.escape(END)}', re.DOTALL)


def machine() -> dict[str, str]:
    """Return when and on what the benchmark ran."""
    return {
        'date': datetime.date.today().isoformat(),
        'cpu': f'{len(os.sched_getaffinity(0))} cores, {_cpu_model()}',
        'system': f'{platform.system()} {platform.machine()}, Python {platform.python_version()}',
    }


def table(results: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    where = results['machine']
    parts = [f'{where["date"]}, {where["cpu"]}, {where["system"]}.', _cycles(results['cycle'])]
    parts.append(_throughput(results['throughput']))
    parts.append(_lasting(results['lasting']))
    if 'sites' in results:
        parts.append(_sites(results['sites']))
    if 'migrations' in results:
        parts.append(migrations(results['migrations']))
    if 'growth' in results:
        parts.append(_growth(results['growth']))
    return '\n\n'.join(parts)


def write(results: dict[str, Any], root: Path) -> None:
    """Write JSON and plot into docs/benchmark, and the tables into the READMEs."""
    write_figures(results, root)
    plot(results['cycle'], (root / RESULTS).with_name('cycle.svg'))


def write_figures(results: dict[str, Any], root: Path) -> None:
    """Write JSON into docs/benchmark, and the tables into the READMEs."""
    (root / RESULTS).write_text(json.dumps(results, indent=2) + '\n')
    for name, text in tables(results).items():
        readme = root / name
        readme.write_text(embedded(readme.read_text(), text))


def tables(results: dict[str, Any]) -> dict[str, str]:
    """Return what each README says of the figures, by its path."""
    return {'README.md': table(results), 'warm_pulumi/README.md': lives(results['package'])}


def embedded(readme: str, text: str) -> str:
    """Return `readme` with the figures in their place."""
    return BLOCK.sub(lambda _: f'{BEGIN}\n{text}\n{END}', readme)


def lives(package: dict[str, Any]) -> str:
    """Return the figures of bench/package.py as Markdown."""
    where = package['machine']
    lines = [
        f'{where["date"]}, {where["cpu"]}, {where["system"]}.',
        '',
        "| One stack's whole life by the Automation API | runs | median s | min s | max s | |",
        '|---|---|---|---|---|---|',
    ]
    for name, title in LIVES.items():
        at = package[name]
        seconds = ' | '.join(f'{at[key]:.3f}' for key in ('median', 'min', 'max'))
        ratio = package[name.replace('warm', 'stock')]['median'] / at['median']
        more = f'{ratio:.1f} x as fast' if name.endswith('warm') else ''
        lines.append(f'| {title} | {at["runs"]} | {seconds} | {more} |')
    return '\n'.join(lines)


def plot(cycle: dict[str, dict[str, float]], target: Path) -> None:
    """Draw the median of each way on a logarithmic scale, with minimum and maximum."""
    import matplotlib

    matplotlib.use('svg')
    from matplotlib import pyplot

    names = list(cycle)[::-1]
    medians = [cycle[name]['median'] for name in names]
    spread = [
        [cycle[name]['median'] - cycle[name]['min'] for name in names],
        [cycle[name]['max'] - cycle[name]['median'] for name in names],
    ]
    figure, axes = pyplot.subplots(figsize=(8, 2.4), layout='constrained')
    bars = axes.barh([WAYS[name].replace('`', '') for name in names], medians, xerr=spread)
    axes.bar_label(bars, [f'{median:.3g} s' for median in medians], padding=6)
    axes.set_xscale('log')
    axes.set_xlim(right=max(medians) * 4)
    axes.set_xlabel('seconds for one whole stack lifecycle (logarithmic)')
    axes.spines[['top', 'right']].set_visible(False)
    figure.savefig(target, metadata={'Date': None})
    pyplot.close(figure)


def _cycles(cycle: dict[str, dict[str, float]]) -> str:
    warm = cycle['warm']['median']
    lines = [
        '| One whole stack lifecycle | runs | median s | min s | max s | against (c) |',
        '|---|---|---|---|---|---|',
    ]
    for name, figures in cycle.items():
        seconds = ' | '.join(f'{figures[key]:.3f}' for key in ('median', 'min', 'max'))
        ratio = f'{figures["median"] / warm:.1f} x'
        lines.append(f'| {WAYS[name]} | {figures["runs"]} | {seconds} | {ratio} |')
    return '\n'.join(lines)


def _throughput(rows: list[dict[str, float]]) -> str:
    lines = [
        '| (c) over HTTP, clients at once | cycles | cycles/s | p50 s | p95 s | errors |',
        '|---|---|---|---|---|---|',
    ]
    for row in rows:
        lines.append(
            f'| {row["concurrency"]} | {row["cycles"]} | {row["cycles_per_second"]:.1f} '
            f'| {row["p50"]:.3f} | {row["p95"]:.3f} | {row["errors"]} |'
        )
    return '\n'.join(lines)


def _lasting(lasting: dict[str, Any]) -> str:
    orders, lists, idle = (lasting[name] for name in ('orders', 'lists', 'idle'))
    ratio = orders['plain']['median'] / orders['platform']['median']
    lines = [
        '| Stacks that last | median s | |',
        '|---|---|---|',
        f'| a stack of one resource, from POST to `succeeded` '
        f'| {orders["platform"]["median"]:.3f} | {ratio:.1f} x as fast as the next line |',
        f'| the same program by the Automation API and the stock CLI '
        f'| {orders["plain"]["median"]:.3f} | |',
    ]
    for row in lasting['throughput']:
        lines.append(
            f'| an update, {row["stacks"]} stacks at once | {row["p50"]:.3f} '
            f'| {row["runs_per_second"]:.1f} runs/s, p95 {row["p95"]:.3f} s |'
        )
    lines += [
        f'| first page of 1,000 stacks | {lists["stacks"]["median"]:.4f} | |',
        f'| first page of 10,000 runs | {lists["runs"]["median"]:.4f} | |',
    ]
    for name, title in (('before', 'before its first run'), ('after', 'after all of these')):
        at = idle[name]
        lines.append(
            f'| idle, {title} | | {at["share_of_core"]:.1%} of a core, {at["service_mb"]:.0f} MB, '
            f'with its engines {at["all_mb"]:.0f} MB |'
        )
    return '\n'.join(lines)


def _sites(sites: dict[str, dict[str, float]]) -> str:
    ratio = sites['plain']['median'] / sites['service']['median']
    lines = [
        '| A site, until its page is served | runs | median s | min s | max s | |',
        '|---|---|---|---|---|---|',
    ]
    for name, title, more in (
        ('service', '`POST /sites`', f'{ratio:.1f} x as fast as the next line'),
        ('plain', 'the steps of `pulumi_over_http`: the Automation API and the stock CLI', ''),
    ):
        seconds = ' | '.join(f'{sites[name][key]:.3f}' for key in ('median', 'min', 'max'))
        lines.append(f'| {title} | {sites[name]["runs"]} | {seconds} | {more} |')
    return '\n'.join(lines)


def migrations(found: dict[str, Any]) -> str:
    """Return the figures of bench/migrations.py as Markdown."""
    rows = found['rows']
    lines = [
        f'| {rows:,} rows of 6 columns into PostgreSQL | runs | median s | min s | max s | '
        'to the limit | MB a process | 10 x the rows: s | MB a process |',
        '|---|---|---|---|---|---|---|---|---|',
    ]
    for name, title in MIGRATIONS.items():
        if name in found:
            at = found[name]
            seconds = ' | '.join(f'{at[key]:.2f}' for key in ('median', 'min', 'max'))
            memory = at['mb'] or ''
            more = f'{at["tenfold"]:.2f} | {at["tenfold_mb"]}' if 'tenfold' in at else ' | '
            lines.append(
                f'| {title} | {at["runs"]} | {seconds} | {at["ratio"]:.2f} | {memory} | {more} |'
            )
    return '\n'.join(lines)


def _growth(growth: dict[str, Any]) -> str:
    lines = [
        f'| Growth over {growth["cycles"]} cycles on one slot | median s | state files | state MB '
        '| memory MB |',
        '|---|---|---|---|---|',
    ]
    for name, title in WINDOWS.items():
        at = growth[name]
        lines.append(
            f'| {title} {at["runs"]} | {at["median"]:.3f} | {at["files"]} | {at["state_mb"]:.2f} '
            f'| {at["memory_mb"]:.0f} |'
        )
    return '\n'.join([*lines, '', *_tail(growth['tail'])])


def _tail(tail: dict[str, float]) -> list[str]:
    columns = {'p50': 'median s', 'p99': 'p99 s', 'p999': 'p99.9 s', 'max': 'max s'}
    ratio = tail['max'] / tail['p50']
    return [
        f'| One client, {tail["requests"]} answers in turn | {" | ".join(columns.values())} '
        '| max : median |',
        '|---|---|---|---|---|---|',
        f'| | {" | ".join(f"{tail[name]:.3f}" for name in columns)} | {ratio:.1f} |',
    ]


def _cpu_model() -> str:
    for line in Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            return line.partition(':')[2].strip()
    return platform.processor()
