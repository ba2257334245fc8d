"""A Pulumi project in a temporary folder, for the tests of warm_pulumi."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pulumi import automation as auto

RANDOM_PROGRAM = """
    import pulumi
    import pulumi_random

    config = pulumi.Config()
    made = pulumi_random.RandomString('made', length=config.get_int('length') or 12)
    pulumi.export('length', made.length)
    pulumi.export('result', pulumi.Output.secret(made.result))
"""


class Project:
    """A folder with Pulumi.yaml, __main__.py, and beside it the state and home of its own."""

    def __init__(self, folder: Path, engine_bin: Path, program: str = RANDOM_PROGRAM) -> None:
        self.folder = folder
        self.engine_bin = engine_bin
        folder.mkdir()
        (folder.parent / f'{folder.name}-state').mkdir()
        self.env = {
            'PATH': os.pathsep.join([f'{sys.prefix}/bin', str(engine_bin), os.environ['PATH']]),
            'PULUMI_BACKEND_URL': f'file://{folder}-state',
            'PULUMI_HOME': f'{folder}-home',
            'PULUMI_CONFIG_PASSPHRASE': 'right',
            'PULUMI_SKIP_UPDATE_CHECK': 'true',
        }
        (folder / 'Pulumi.yaml').write_text(
            f'name: project\nruntime: {{name: python, options: {{virtualenv: {sys.prefix}}}}}\n'
        )
        self.write(program)

    def write(self, program: str, name: str = '__main__.py') -> None:
        """Replaces the program, or a module beside it."""
        (self.folder / name).write_text(textwrap.dedent(program))

    def stack(self, pulumi: auto.PulumiCommand, name: str = 'dev') -> auto.Stack:
        """The stack, created if need be, driven by the given command."""
        options = auto.LocalWorkspaceOptions(pulumi_command=pulumi, env_vars=self.env)
        return auto.create_or_select_stack(name, work_dir=str(self.folder), opts=options)

    def inline_stack(
        self, pulumi: auto.PulumiCommand, program: Callable[[], Any], name: str = 'dev'
    ) -> auto.Stack:
        """A stack whose program is a function of the test."""
        options = auto.LocalWorkspaceOptions(
            pulumi_command=pulumi, env_vars=self.env, work_dir=str(self.folder)
        )
        return auto.create_or_select_stack(
            name, project_name='project', program=program, opts=options
        )

    def run(
        self, pulumi: auto.PulumiCommand, *args: str, env: dict[str, str] | None = None
    ) -> auto.CommandResult:
        """One CLI command in the project's folder."""
        return pulumi.run(list(args), str(self.folder), {**self.env, **(env or {})})

    def locks(self) -> list[Path]:
        """The lock files that are left."""
        return list(Path(f'{self.folder}-state').glob('.pulumi/locks/**/*.json'))

    def outcome(
        self, pulumi: auto.PulumiCommand, *args: str, env: dict[str, str] | None = None
    ) -> tuple[str, list[str]]:
        """What came of a command: the error's class, and the lines that do not vary."""
        try:
            result = self.run(pulumi, *args, env=env)
        except auto.CommandError as error:
            return type(error).__name__, self._comparable(str(error))
        return 'success', self._comparable(str(result))

    def _comparable(self, text: str) -> list[str]:
        text = text.replace(str(self.folder), 'PROJECT')
        for pattern, name in _VARYING:
            text = pattern.sub(name, text)
        lines = {' '.join(line.split()) for line in text.splitlines()}
        # The display interleaves what happens at the same time, and may skip what passes.
        return sorted(line for line in lines if not _PASSING.match(line))

    @staticmethod
    def is_running(pid: int) -> bool:
        """Whether the process lives, other than as a zombie."""
        try:
            stat = Path(f'/proc/{pid}/stat').read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return stat.rpartition(')')[2].split()[0] not in 'ZX'


_PASSING = re.compile(r'([-+~@] )?\S+:\S+:\S+ \S+ (?!(created|updated|deleted|\*\*failed))')
_VARYING = [
    (re.compile(r'\(\d+(\.\d+)?s\)'), '(TIME)'),
    (re.compile(r'Duration: .*'), 'Duration'),
    (re.compile(r'@ \w+.*\.\.\.+'), ''),
    # Told once for each start of a plugin from the PATH, and an attached one does not start.
    (re.compile(r'warning: using pulumi-resource-\w+ from \$PATH at .*'), ''),
    (re.compile(r' \d+ warnings?'), ''),
    (re.compile(r'\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(Z|[+-]\d\d:?\d\d)?'), 'WHEN'),
    (re.compile(r'(now|\d+ (second|minute)s?( ago)?)'), 'WHEN'),
    (re.compile(r'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'), 'UUID'),
    (re.compile(r'127\.0\.0\.1:\d+'), 'ADDRESS'),
    (re.compile(r'pid \d+'), 'PID'),
    (re.compile(r'v1:[\w+/=]+:[\w+/=]+'), 'CIPHERTEXT'),
]


def when(text: str, action: Callable[[], object]) -> Callable[[str], None]:
    """Return an output callback that does something at each line with `text` in it."""

    def callback(line: str) -> None:
        if text in line:
            action()

    return callback
