"""`python -m bench.spike`: a spike of load, its alert, and the workers that follow it.

Writes what was seen into docs/capacity, and the figures into docs/capacity.md.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.report import machine
from tests import monitoring, spike
from tests.paths import ROOT
from tests.spike import Story
from tests.traffic import Answer

PAGE = ROOT / 'docs' / 'capacity.md'
BEGIN, END = '<!-- spike: written by `make spike` -->', '<!-- end of the spike -->'
BLOCK = re.compile(f'{re.escape(BEGIN)}.*?{re.escape(END)}', re.DOTALL)
# Between which moments each line of the table is.
PARTS = {
    'one worker, before': ('begin', 'load'),
    'the spike, one worker': ('load', 'capacity'),
    'the spike, four workers': ('capacity', 'load ends'),
    'one worker again': ('back', 'end'),
}
# What passes between two moments.
TIMES = {
    'from the spike to the alert': ('load', 'firing'),
    'from the alert to four workers': ('firing', 'capacity'),
    'from the end of the spike to the end of the alert': ('load ends', 'over'),
    'from that to one worker': ('over', 'back'),
}
MARKS = {
    **{'load': 'load', 'firing': 'alert', 'capacity': 'capacity'},
    **{'load ends': 'load ends', 'over': 'alert over', 'back': 'back'},
}


def main() -> int:
    """Play it; return the exit code."""
    if tool := monitoring.missing_tool():
        print(f'{tool} is not here: make setup installs it where that may be.', file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        story = spike.told(Path(folder))
    write(figures(story), PAGE)
    return 0


def figures(story: Story) -> dict[str, Any]:
    """Return what is told of a story."""
    moments = story.moments
    return {
        'machine': machine(),
        'parts': {name: _part(story, *part) for name, part in PARTS.items()},
        'times': {name: moments[last] - moments[first] for name, (first, last) in TIMES.items()},
        'requests': len(story.answers),
        'failed': len(story.failures),
        'moments': moments,
        'workers': list(_changes(story.workers)),
        'seconds': list(_by_second(story)),
    }


def write(found: dict[str, Any], page: Path) -> None:
    """Write JSON and plot into the folder of a page's name, and the table into the page."""
    folder = page.with_suffix('')
    folder.mkdir(exist_ok=True)
    (folder / 'spike.json').write_text(json.dumps(found, indent=2) + '\n')
    plot(found, folder / 'spike.svg')
    block = f'{BEGIN}\n{table(found)}\n{END}'
    page.write_text(BLOCK.sub(lambda _: block, page.read_text()))


def table(found: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    where = found['machine']
    lines = [
        f'{where["date"]}, {where["cpu"]}, {where["system"]}.\n',
        '| | answers/s | p50 s | p95 s |\n|---|---|---|---|',
        *(
            f'| {name} | {part["rate"]:.1f} | {part["p50"]:.3f} | {part["p95"]:.3f} |'
            for name, part in found['parts'].items()
        ),
        '\n| | s |\n|---|---|',
        *(f'| {name} | {seconds:.1f} |' for name, seconds in found['times'].items()),
        f'\nOf {found["requests"] + found["failed"]} requests {found["failed"]} failed.',
    ]
    return '\n'.join(lines)


def plot(found: dict[str, Any], target: Path) -> None:
    """Draw workers, answers and latency over the seconds, with what happened when."""
    import matplotlib

    matplotlib.use('svg')
    from matplotlib import pyplot

    seconds, rates, latencies = zip(*found['seconds'], strict=True)
    figure, (workers, rate, latency) = pyplot.subplots(
        3, sharex=True, figsize=(8, 5.4), layout='constrained'
    )
    workers.step(*zip(*found['workers'], strict=True), where='post')
    rate.step(seconds, rates, where='post')
    latency.step(seconds, latencies, where='post')
    labels = ('workers', 'answers/s', 'p50 of answers, s')
    for axes, label in zip((workers, rate, latency), labels, strict=True):
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        axes.spines[['top', 'right']].set_visible(False)
        for moment in MARKS:
            axes.axvline(found['moments'][moment], color='grey', linestyle=':')
    for moment, name in MARKS.items():
        place = (found['moments'][moment], 1)
        workers.annotate(name, place, xycoords=('data', 'axes fraction'), rotation=30)
    latency.set_xlabel('seconds')
    figure.savefig(target, metadata={'Date': None})
    pyplot.close(figure)


def _part(story: Story, first: str, last: str) -> dict[str, float]:
    answers = story.between(first, last)
    seconds = sorted(each.seconds for each in answers)
    length = story.moments[last] - story.moments[first]
    return {
        'rate': len(answers) / length,
        'p50': statistics.median(seconds),
        'p95': seconds[int(0.95 * len(seconds))],
    }


def _by_second(story: Story) -> Iterator[tuple[int, int, float]]:
    """Yield each second, the requests that were answered in it, and their median latency."""
    found: dict[int, list[Answer]] = {}
    for each in story.answers:
        found.setdefault(int(each.sent_at + each.seconds - story.begun), []).append(each)
    # The last one is not whole.
    for second in range(max(found)):
        answers = found.get(second, [])
        middle = statistics.median(each.seconds for each in answers) if answers else 0.0
        yield second, len(answers), middle


def _changes(samples: Sequence[tuple[float, int]]) -> Iterator[tuple[float, int]]:
    """Yield what each sample is that differs from the one before, and the last."""
    before = None
    for at, count in samples:
        if count != before:
            yield at, count
        before = count
    yield samples[-1]


if __name__ == '__main__':
    sys.exit(main())
