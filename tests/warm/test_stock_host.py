"""The stock language host, which serves what the program host does not."""

from __future__ import annotations

import sys
from pathlib import Path

from pulumi import automation as auto

from tests.warm.project import Project
from warm_pulumi import WarmPulumi


def test_program(engine_bin: Path, project: Project) -> None:
    """A program runs in the stock host when the program host is not wanted."""
    engine, cli = str(engine_bin / 'pulumi-warm'), str(engine_bin / 'pulumi')
    with WarmPulumi(engine, cli, program_host=False) as pulumi:
        stack = project.stack(pulumi)
        assert stack.up().outputs['length'].value == 12
        assert stack.destroy().summary.resource_changes == {'delete': 2}


def test_about(cold: auto.PulumiCommand, project: Project) -> None:
    """The stock host tells which interpreter a program has, and which packages."""
    project.run(cold, 'stack', 'init', 'dev')
    about = project.run(cold, 'about').stdout
    assert f"version='{sys.version.split()[0]}" in about
    assert 'pulumi_random' in about.replace('-', '_')
