"""`infra` as a process: what its surroundings do to it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from tests.infra import said
from tests.infra.fake_service import Answer, FakeService
from tests.infra.process import INFRA, PATIENCE, environment, in_pipe, in_shell

LINES = 5000
RUN = '/v1/runs/run_1'


@pytest.fixture(autouse=True)
def url(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('INFRA_URL', service.url)


@pytest.fixture
def long_log(service: FakeService) -> str:
    """The text of a long log that the service has, in parts of at most 32 KiB."""
    lines = [f'{number:05} {"x" * 90}\n' for number in range(LINES)]
    parts, offset = [], 0
    for first in range(0, LINES, 300):
        text = ''.join(lines[first : first + 300])
        is_last = first + 300 >= LINES
        parts.append(said.part(text, offset, complete=is_last))
        offset += len(text)
    service.on('GET', f'{RUN}/log', *parts)
    service.on('GET', RUN, said.run())
    return ''.join(lines)


def test_long_log(long_log: str) -> None:
    """A log of thousands of lines comes whole."""
    assert in_pipe('logs', '-f', 'run_1').out == long_log


def test_broken_pipe(long_log: str) -> None:
    """Whoever reads but a line of much gets that, and there is no complaint."""
    done = in_shell('set +o pipefail; infra logs run_1 | head -1')
    assert (done.code, done.out, done.err) == (0, long_log.splitlines()[0] + '\n', '')


def test_full_disk(service: FakeService) -> None:
    """A result that cannot be written is an error in words."""
    service.on('GET', '/v1/stacks/web', said.stack())
    done = in_shell('infra show web > /dev/full')
    assert done.code == 1
    assert 'Error: The output cannot be written: No space left on device.' in done.err


@pytest.mark.parametrize('closed', ['<&-', '>&-', '2>&-', '<&- >&- 2>&-'])
def test_closed_streams(service: FakeService, closed: str) -> None:
    """Where streams are closed there is no traceback, and a question is none."""
    service.on('GET', '/v1/stacks/web', said.stack())
    shown = in_shell(f'infra show web {closed}')
    assert (shown.code, 'Traceback' in shown.err) == (0, False)
    asked = in_shell(f'infra destroy web {closed}')
    assert (asked.code, 'Traceback' in asked.err) == (2, False)


@pytest.mark.parametrize('encoding', ['latin-1', 'utf-16'])
def test_other_encodings(service: FakeService, encoding: str) -> None:
    """A terminal that has not all characters gets a question mark for each, and no error."""
    service.on('GET', '/v1/stacks', said.page(said.stack(name='näme-名前')))
    done = subprocess.run(
        [INFRA, 'ls'],
        env=environment(PYTHONIOENCODING=encoding, LC_ALL='C'),
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )
    assert 'me-' in done.stdout.decode(encoding)
    assert done.stderr == b''


def test_interrupted(service: FakeService) -> None:
    """SIGINT ends a wait with 130, without a traceback, and names the run."""
    service.on('GET', RUN, said.running())
    process = subprocess.Popen(
        [INFRA, 'wait', 'run_1'],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    assert process.stderr.readline() == 'Updating web (run_1)\n'
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, '')
    assert 'The run goes on: infra logs -f run_1' in err
    assert 'Traceback' not in err


def test_command_line_of_others(service: FakeService, tmp_path: Path) -> None:
    """No secret and no token is in what others see of the process, while it runs."""
    seen: list[bytes] = []
    asked = threading.Event()

    def look() -> None:
        asked.wait(PATIENCE)
        seen.append(Path(f'/proc/{process.pid}/cmdline').read_bytes())

    service.on('GET', '/v1/stacks/web', said.stack())
    service.on('GET', '/v1/programs/files', said.program())
    service.on('POST', '/v1/stacks/web/runs', Answer(said.running(), 202))
    service.on('GET', RUN, said.running())
    process = subprocess.Popen(
        [INFRA, 'preview', 'web', '--secret', 'token=-', '--timeout', '1s'],
        env=environment(INFRA_TOKEN='planted-token'),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    looking = threading.Thread(target=look)
    looking.start()
    assert process.stdin
    process.stdin.write('planted-value-7319\n')
    process.stdin.close()
    assert process.stdout
    process.stdout.readline()
    asked.set()
    looking.join()
    told = process.stdout.read()
    assert process.wait(PATIENCE) == 124
    assert b'planted' not in seen[0]
    assert 'planted' not in told
    assert any(b'planted-value-7319' in each.content for each in service.asked)


def test_completion_in_bash(service: FakeService) -> None:
    """In bash the script that is printed completes commands and options."""
    done = in_shell(
        'eval "$(infra completion bash)"\n'
        'COMP_WORDS=(infra pro) COMP_CWORD=1\n'
        '_infra_completion infra\n'
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
        'COMPREPLY=() COMP_WORDS=(infra up --inp) COMP_CWORD=2\n'
        '_infra_completion infra\n'
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    assert done.out.split() == ['program', 'programs', 'protect', '--input', '--input-file']
    assert done.err == ''


def test_without_a_home(service: FakeService) -> None:
    """Where there is no home, what the environment says is enough."""
    service.on('GET', '/v1/stacks', said.page())
    without = {key: value for key, value in environment().items() if key != 'XDG_CONFIG_HOME'}
    done = subprocess.run(
        [INFRA, 'ls'],
        env={**without, 'HOME': '/does/not/exist'},
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, os.path.exists('/does')) == (0, False)
