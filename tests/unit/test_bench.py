"""The benchmark's figures: how they are summed up, and that the README says no others."""

from __future__ import annotations

import json

import pytest

from bench import report
from bench.timing import Sample
from tests.paths import ROOT


@pytest.mark.parametrize('name', ['README.md', 'warm_pulumi/README.md'])
def test_readme_has_the_committed_figures(name: str) -> None:
    """The figures of a README are those of the committed run, to the letter."""
    results = json.loads((ROOT / report.RESULTS).read_text())
    readme = (ROOT / name).read_text()
    assert report.BLOCK.search(readme)
    assert report.embedded(readme, report.tables(results)[name]) == readme


@pytest.mark.parametrize(('share', 'expected'), [(0.0, 1), (0.5, 51), (0.95, 96), (1.0, 100)])
def test_quantile(share: float, expected: float) -> None:
    """A quantile is one of the values, however they are ordered."""
    assert Sample([float(value) for value in range(100, 0, -1)]).quantile(share) == expected


def test_summary() -> None:
    """A sample is summed up by its number, median and extremes."""
    assert Sample([3.0, 1.0, 2.0]).summary() == {'runs': 3, 'median': 2.0, 'min': 1.0, 'max': 3.0}


def test_measure() -> None:
    """Measuring adds one value and hands back the result."""
    sample = Sample()
    assert sample.measure(lambda: 'result') == 'result'
    assert len(sample.seconds) == 1
