"""Which interpreter the stock language host would run a local program with."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Mapping

import yaml

# The commands that may run the program of the project in the working directory.
RUNNING_COMMANDS = frozenset({'up', 'preview', 'refresh', 'destroy'})
# Options that hand the program to another runtime, or need a language host of their own.
_FOREIGN_OPTIONS = ('--client', '--policy-pack', '--attach-debugger', '--remote', '--cwd', '-C')


def command_of(args: list[str]) -> str:
    """The command's name: the first argument that is no flag."""
    return next((arg for arg in args if not arg.startswith('-')), '')


def runs_local_program(args: list[str]) -> bool:
    """Whether the command may run the program in its working directory."""
    return command_of(args) in RUNNING_COMMANDS and not any(
        arg.startswith(_FOREIGN_OPTIONS) for arg in args
    )


def interpreter(cwd: str, env: Mapping[str, str]) -> str | None:
    """The Python of the project's program; None where it is not simply a Python program.

    None also for a project file that is not as it should be: the CLI knows what to say about it.
    """
    project = _project_file(cwd)
    if project is None:
        return None
    try:
        with open(project, 'rb') as file:
            name, options = _runtime(file.read())
    except (OSError, ValueError, LookupError, RecursionError, yaml.YAMLError):
        return None
    if name != 'python' or not _is_plain(options):
        return None
    virtualenv = options.get('virtualenv')
    if virtualenv:
        python = os.path.join(os.path.dirname(project), virtualenv, 'bin', 'python')
        return python if os.path.exists(python) else None
    if 'PULUMI_PYTHON_CMD' in env:
        return shutil.which(env['PULUMI_PYTHON_CMD'], path=env.get('PATH'))
    path = env.get('PATH')
    return shutil.which('python3', path=path) or shutil.which('python', path=path)


@functools.lru_cache(maxsize=64)
def _runtime(project: bytes) -> tuple[str, dict[str, str]]:
    """The runtime's name and options in the text of a project file.

    Parsing it takes longer than some commands. Raises ValueError or KeyError where they are not
    plainly there: what is left to interpretation the CLI may interpret in its own way.
    """
    runtime = _entries(yaml.compose(project, yaml.SafeLoader))['runtime']
    if isinstance(runtime, yaml.ScalarNode):
        return _string(runtime), {}
    fields = _entries(runtime)
    options = _entries(fields['options']) if 'options' in fields else {}
    return _string(fields['name']), {name: _string(value) for name, value in options.items()}


def _entries(node: yaml.Node | None) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise ValueError('not a mapping')
    return {_string(key): value for key, value in node.value}


def _string(node: yaml.Node) -> str:
    if node.tag != 'tag:yaml.org,2002:str':
        raise ValueError('not a string')
    return str(node.value)


def _project_file(cwd: str) -> str | None:
    """The project file of the directory or of the nearest one above it."""
    directory = os.path.abspath(cwd)
    while True:
        for name in ('Pulumi.yaml', 'Pulumi.yml'):
            candidate = os.path.join(directory, name)
            if os.path.isfile(candidate):
                return candidate
        if os.path.isfile(os.path.join(directory, 'Pulumi.json')):
            return None
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent


def _is_plain(options: Mapping[str, str]) -> bool:
    """Other tool chains find their interpreter in ways of their own; type checkers run before."""
    return options.get('toolchain', 'pip') == 'pip' and not options.get('typechecker')
