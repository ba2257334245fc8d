"""The tutorial's own steps, written plainly after its page: the thing to be faster than.

Run as a script in a copy of the burner program: it does the steps of one request for each line
that it reads, and answers each with the seconds that it took.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from pulumi import automation as auto

ORG, PROJECT, STACK = 'organization', 'burner-program', 'dev'


def spin_venv(program: str) -> None:
    """Make a venv and install into it, every time, as the page does."""
    for command in (
        ['python3', '-m', 'venv', 'venv'],
        ['venv/bin/python3', '-m', 'pip', 'install', '--upgrade', 'pip'],
        ['venv/bin/pip', 'install', '-r', 'requirements.txt'],
    ):
        subprocess.run(command, check=True, cwd=program, capture_output=True)


def request(program: str, requested: str) -> str:
    """Do what the page does for one GET; return the value."""
    spin_venv(program)
    stack = auto.create_or_select_stack(
        stack_name=auto.fully_qualified_stack_name(ORG, PROJECT, STACK), work_dir=program
    )
    stack.set_config('request', auto.ConfigValue(value=requested))
    stack.refresh(on_output=lambda line: None)
    result = stack.up(on_output=lambda line: None)
    stack.destroy(on_output=lambda line: None)
    return str(result.outputs[requested].value)


def main() -> None:
    for _ in sys.stdin:
        started = time.perf_counter()
        request(os.getcwd(), 'uuid')
        print(time.perf_counter() - started, flush=True)


if __name__ == '__main__':
    main()
