"""The service's own virtual environment: what serving needs, or what tests need on top."""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from pathlib import Path

from engine import installed, pip
from engine.build import ENGINE
from engine.children import FailedError
from engine.progress import Step
from engine.work import Work

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / 'venv'
PYTHON = VENV / 'bin' / 'python'
# Says what the venv was completely made for, and from.
STAMP = VENV / '.complete'
# The files whose wishes are installed, by purpose; each purpose includes those before it.
REQUIREMENTS = {
    'serving': ['requirements.txt', 'requirements.lock'],
    'testing': [
        'requirements-dev.txt',
        'requirements-dev.lock',
        'requirements.txt',
        'requirements.lock',
    ],
}
# What is installed from the checkout itself, as it is there, once everything else is.
OWN: dict[str, list[str]] = {'serving': [], 'testing': ['infra']}
PINNED = re.compile(r'^([\w.-]+)(?:\[[\w,-]+\])?==', re.MULTILINE)
# What pip says of each package that it takes.
TAKEN = re.compile(r'\s*(Collecting|Requirement already satisfied:) .*')
# What pip says where it reaches no index, among other things.
NOT_FOUND = re.compile(
    'No matching distribution|connection|timed out|name resolution', re.IGNORECASE
)
# Ends with an error that names the first of the packages that is not there.
LOOK = 'import importlib.metadata as m, sys; [m.distribution(name) for name in sys.argv[1:]]'


class PackagesError(Exception):
    """The packages could not be installed; the message ends with what pip said."""


def install(purpose: str, work: Work) -> None:
    """Have the venv hold what `purpose` needs; two at once do it one after the other.

    purpose: `serving` or `testing`.

    Raises PackagesError.
    """
    try:
        with work.alone(ROOT / '.setup.lock', 'installs the Python packages'):
            _install(purpose, work)
            _hand_on_engine()
    except OSError as error:
        raise PackagesError(
            f'The Python packages cannot be installed into {VENV}: {error}. '
            f'Let this user write into {ROOT}, and have a gigabyte free there.'
        ) from error


def make_venv_of(program: str, work: Work) -> None:
    """Have the venv of a program ready, by the service's own code.

    program: its folder, in this checkout.

    Raises PackagesError.
    """
    with work.progress.step(f'Python packages of {program}') as step:
        _run([str(PYTHON), '-m', 'program_venv', program], work, step)


def _install(purpose: str, work: Work) -> None:
    complete = _complete_for()
    if complete and _includes(complete, purpose):
        return
    # pip counts what it gets; that it then installs all of it, which takes longer, at once.
    with work.progress.step('Python packages', 'packages', is_even=False) as step:
        _make(purpose, bool(complete), work, step)


def _hand_on_engine() -> None:
    """Have the venv find the engine that a wheel has brought to this Python, whose it is not."""
    found = installed.bin_folder(ENGINE.fingerprint)
    if found:
        link = VENV / installed.LINK
        link.unlink(missing_ok=True)
        link.symlink_to(found.parent)


def _includes(whole: str, part: str) -> bool:
    known = list(REQUIREMENTS)
    return known.index(part) <= known.index(whole)


def _complete_for() -> str | None:
    """Return the purpose that the venv was made for, from the files as they are now, if any."""
    # A link to an interpreter that was uninstalled does not exist.
    if not (STAMP.exists() and PYTHON.exists()):
        return None
    stamp = STAMP.read_text()
    return next((each for each in REQUIREMENTS if _fingerprint(each) == stamp), None)


def _make(purpose: str, is_begun: bool, work: Work, step: Step) -> None:
    """Install into the venv, or into a new one where it is not whole or for other versions."""
    files = [ROOT / name for name in REQUIREMENTS[purpose]]
    step.total = len({name for file in files for name in PINNED.findall(file.read_text())})
    STAMP.unlink(missing_ok=True)
    if not is_begun:
        if VENV.exists():
            work.progress.say(f'  Replacing {VENV}, which is incomplete or for other versions')
        shutil.rmtree(VENV, ignore_errors=True)
        _run([sys.executable, '-m', 'venv', str(VENV)], work, step)
    install = [str(PYTHON), '-m', 'pip', 'install', '--disable-pip-version-check', '--no-input']
    _run([*install, '--progress-bar', 'off', '-r', str(files[0])], work, step)
    _insist_on(PINNED.findall(files[0].read_text()), work)
    for folder in OWN[purpose]:
        # What it needs and what builds it are pinned with the others.
        own = ['--no-deps', '--no-build-isolation', '--editable', str(ROOT / folder)]
        _run([*install, *own], work, step)
    STAMP.write_text(_fingerprint(purpose))


def _insist_on(names: list[str], work: Work) -> None:
    """Make sure that the venv has packages: a pip.conf may have sent them elsewhere."""
    try:
        work.children.check([str(PYTHON), '-I', '-c', LOOK, *names], cwd=ROOT)
    except FailedError as error:
        raise PackagesError(
            f'pip did not install into {VENV}: {"".join(error.lines[-1:])}. '
            f'Does its configuration name another folder? `{PYTHON} -m pip config list` shows it.'
        ) from None


def _run(command: list[str], work: Work, step: Step) -> None:
    try:
        work.children.check(
            command, cwd=ROOT, environ=pip.environment(), on_line=step.counting(TAKEN)
        )
    except FailedError as error:
        question = ' Is a package index in reach?' if NOT_FOUND.search(str(error)) else ''
        raise PackagesError(f'Installing the Python packages failed.{question}\n{error}') from None


def _fingerprint(purpose: str) -> str:
    digest = hashlib.sha256(f'{purpose} {sys.version} {sys.base_prefix} {VENV}'.encode())
    for name in [*REQUIREMENTS[purpose], *(f'{each}/pyproject.toml' for each in OWN[purpose])]:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()
