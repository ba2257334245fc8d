"""The wheels of warm_pulumi: what they are made of, and what they say of it."""

from __future__ import annotations

import json
import re
import shutil
import struct
import sys
import zipfile
from collections.abc import Set
from pathlib import Path

import pytest

from engine import build, installed
from engine.build import ENGINE
from engine.compiler import Module
from setup import packages
from tests.paths import ROOT
from warm_pulumi import versions
from warm_wheel import bill, licences, making
from warm_wheel.errors import WheelError
from warm_wheel.modules import GoModule, Linked, parse
from warm_wheel.platforms import platform_of

X86_64, AARCH64, RISCV = 62, 183, 243
LOAD, INTERPRETER = 1, 3
SUM = 'h1:' + 'A' * 43 + '='
TOLD = f"""\
/bin/it: go1.26.8
\tpath\tengine/it
\tmod\tengine/it\t(devel)\t
\tdep\texample.com/plain\tv1.0.0\t{SUM}
\tdep\texample.com/replaced\tv1.0.0
\t=>\texample.com/fork\tv1.1.0\t{SUM}
\tdep\texample.com/ours\tv1.0.0
\t=>\t./shim\t(devel)\t
\tbuild\tCGO_ENABLED=0
"""
PLAIN, FORK = (
    GoModule(f'example.com/{name}', v, SUM) for name, v in [('plain', 'v1.0.0'), ('fork', 'v1.1.0')]
)


def executable(path: Path, machine: int = X86_64, segment: int = LOAD) -> Path:
    """Write the least that counts as an executable of the kernel."""
    head = struct.pack(
        '<16sHHIQQQIHHHHHH', b'\x7fELF\2\1\1', 2, machine, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + struct.pack('<IIQQQQQQ', segment, 5, 0, 0, 0, 0, 0, 0))
    path.chmod(0o755)
    return path


@pytest.fixture
def engine_folder(tmp_path: Path) -> Path:
    """A folder like a finished build of the engine, of executables that do nothing."""
    folder = tmp_path / 'engine'
    for module in build.MODULES:
        for name in module.executables.values():
            executable(folder / 'bin' / name)
    for script, place in build.SCRIPTS.items():
        target = folder / place / Path(script).name
        target.parent.mkdir(exist_ok=True)
        target.write_text('#!/bin/sh\n')
        target.chmod(0o755)
    build._lay_out_plugins(folder)
    [plugin] = build.PLUGINS
    (folder / 'plugins' / f'{plugin}.lastused').touch()
    return folder


class FakeGo:
    """A toolchain that knows one module, and has its files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def linked(self, executable: Path) -> Linked:
        assert executable.exists()
        return Linked('go1.26.8', frozenset({PLAIN}))

    def folders(self, modules: Set[GoModule], ours: Module) -> dict[GoModule, Path]:
        return {module: self._folder / 'plain' for module in modules}

    def root(self) -> Path:
        return self._folder / 'go'


@pytest.fixture
def describer(tmp_path: Path) -> making.Describer:
    for name in ('plain', 'go'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'LICENSE').write_text(f'Take {name}.')
    return making.Describer(FakeGo(tmp_path), build.MODULES)


@pytest.fixture
def wheel(tmp_path: Path, engine_folder: Path, describer: making.Describer) -> Path:
    """A platform wheel of such an engine."""
    return making.platform(engine_folder, ENGINE.fingerprint(), describer, tmp_path / 'dist')


def read(wheel: Path, ending: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [each for each in archive.namelist() if each.endswith(ending)]
        return archive.read(name).decode()


def test_platform_wheel(wheel: Path) -> None:
    """It has the package and the whole engine, executable, and is for this platform alone."""
    with zipfile.ZipFile(wheel) as archive:
        names = {each.filename: each.external_attr >> 16 for each in archive.infolist()}
    platforms = 'manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64'
    assert wheel.name.endswith(f'-py3-none-{platforms}.whl')
    for name in ('warm_pulumi/pulumi.py', 'warm_pulumi/host/zygote.py'):
        assert name in names
    inside = {name: mode for name, mode in names.items() if '/executables/' in name}
    fingerprint = inside.pop(f'{installed.FOLDER}/fingerprint')
    assert not fingerprint & 0o111
    assert all(mode & 0o111 for mode in inside.values())
    assert len(inside) == sum(len(each.executables) for each in build.MODULES) + 3
    assert not [name for name in names if name.endswith(('.lastused', '.pyc'))]
    assert 'Root-Is-Purelib: false' in read(wheel, '.dist-info/WHEEL')


def test_licences_of_each_wheel(wheel: Path, tmp_path: Path) -> None:
    """With executables it goes by the licences of their modules too, else by ours alone."""
    assert 'License-Expression: Apache-2.0 AND BSD-2-Clause' in read(wheel, '/METADATA')
    assert ' AND MPL-2.0 AND ' in read(wheel, '/METADATA')
    pure = making.pure(tmp_path / 'pure')
    assert 'License-Expression: Apache-2.0\n' in read(pure, '/METADATA')


def test_link_becomes_a_script(wheel: Path) -> None:
    """What the engine has as a link, a script starts, since wheels have no links."""
    [(plugin, name)] = build.PLUGINS.items()
    script = read(wheel, f'plugins/{plugin}/{name}')
    assert f'exec "$(dirname "$0")/../../bin/{name}" "$@"' in script


def test_pure_wheel(tmp_path: Path) -> None:
    """It has the package alone, for all platforms."""
    made = making.pure(tmp_path)
    with zipfile.ZipFile(made) as archive:
        names = archive.namelist()
    assert made.name.endswith('-py3-none-any.whl')
    assert 'warm_pulumi/pulumi.py' in names
    assert not [name for name in names if 'executables/' in name]


def test_same_again(
    wheel: Path, tmp_path: Path, engine_folder: Path, describer: making.Describer
) -> None:
    """The same contents make the same wheel, to the last byte, whenever they were written."""
    for file in (engine_folder / 'bin').iterdir():
        file.touch()
    again = making.platform(engine_folder, ENGINE.fingerprint(), describer, tmp_path / 'again')
    assert again.read_bytes() == wheel.read_bytes()


def test_licences_are_in_it(wheel: Path) -> None:
    """It carries the licence of each module and of Go, and ours."""
    text = read(wheel, '/LICENSE.go-modules.txt')
    assert 'example.com/plain@v1.0.0' in text
    assert 'Take plain.' in text
    assert 'Go go1.26.8' in text
    assert 'Apache License' in read(wheel, '/licenses/LICENSE')


def test_bill_of_materials(wheel: Path) -> None:
    """It names each file with its hash, and the modules that an executable depends on."""
    told = json.loads(read(wheel, '.dist-info/sboms/warm-pulumi.cdx.json'))
    assert (told['bomFormat'], told['specVersion']) == ('CycloneDX', '1.6')
    parts = {each['name']: each for each in told['components']}
    assert parts['example.com/plain']['purl'] == 'pkg:golang/example.com/plain@v1.0.0'
    assert parts['warm_pulumi/host/zygote.py']['hashes'][0]['alg'] == 'SHA-256'
    needs = {each['ref']: each.get('dependsOn') for each in told['dependencies']}
    wanted = ['example.com/plain@v1.0.0', 'stdlib@1.26.8']
    assert needs[f'{installed.FOLDER}/bin/pulumi-warm'] == wanted


def test_modules_that_are_replaced() -> None:
    """A module that another one replaces is not in it; a folder of ours is no module."""
    assert parse(TOLD.splitlines()) == Linked('go1.26.8', frozenset({PLAIN, FORK}))


def test_module_without_a_licence(tmp_path: Path) -> None:
    """A module without a licence stops the wheel, and the message names it."""
    with pytest.raises(WheelError, match='it@v1 has no licence'):
        licences.texts({'example.com/it@v1': tmp_path})


def test_module_with_a_licence_of_a_part(tmp_path: Path) -> None:
    """A licence of what a module only has a copy of is none of the module."""
    (tmp_path / 'part').mkdir()
    (tmp_path / 'part' / 'LICENSE').write_text('Take the part.')
    with pytest.raises(WheelError, match='it@v1 has no licence'):
        licences.texts({'example.com/it@v1': tmp_path})


def test_licence_that_a_readme_tells(tmp_path: Path) -> None:
    """A module that is known to tell of its licences in its README has that, beside parts'."""
    [(name, file)] = licences.READMES.items()
    (tmp_path / 'part').mkdir()
    (tmp_path / 'part' / 'LICENSE').write_text('Take the part.')
    (tmp_path / file).write_text('See there.')
    text = licences.texts({f'{name}@v1': tmp_path})
    assert f'\n{name}@v1: part\n' in text
    assert f'\n{name}@v1\n' in text
    assert 'See there.' in text


def test_sources_without_a_head(tmp_path: Path) -> None:
    """Sources that have no licence at their head any more stop the wheel."""
    [(name, file)] = licences.HEADS.items()
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text('package it\n')
    with pytest.raises(WheelError, match='has no licence'):
        licences.texts({f'{name}@v1': tmp_path})


def test_licence_of_a_module_and_of_its_part(tmp_path: Path) -> None:
    """A text that a module and a part of it have is named as the module's."""
    (tmp_path / 'Part').mkdir()
    for folder in (tmp_path, tmp_path / 'Part'):
        (folder / 'LICENSE').write_text('Take it.')
    text = licences.texts({'example.com/it@v1': tmp_path})
    assert '\nexample.com/it@v1\n' in text
    assert 'Part' not in text


def test_licence_at_the_head_of_sources(tmp_path: Path) -> None:
    """A module that is known to have its licence in its sources has it from there."""
    [(name, file)] = licences.HEADS.items()
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text('// Take it.\n//\n// As it is.\npackage it\n')
    assert '// Take it.\n//\n// As it is.\n' in licences.texts({f'{name}@v1': tmp_path})


def test_one_licence_of_several(tmp_path: Path) -> None:
    """A text that several modules have is there once, under all their names."""
    for name in ('a', 'b'):
        (tmp_path / name / 'part').mkdir(parents=True)
        (tmp_path / name / 'LICENSE.txt').write_text('Take it.\n')
        (tmp_path / name / 'license.go').write_text('package it')
    (tmp_path / 'b' / 'part' / 'NOTICE').write_text('Of somebody.')
    text = licences.texts({name: tmp_path / name for name in 'ab'})
    assert text.count('Take it.') == 1
    assert '\na\nb\n' in text
    assert '\nb: part\n' in text
    assert 'package it' not in text


@pytest.mark.parametrize(
    ('machine', 'name'),
    [pytest.param(X86_64, 'x86_64', id='x86_64'), pytest.param(AARCH64, 'aarch64', id='aarch64')],
)
def test_platform(tmp_path: Path, machine: int, name: str) -> None:
    """Executables that need no library run with any libc; scripts say nothing."""
    script = tmp_path / 'script'
    script.write_text('#!/bin/sh\n')
    found = platform_of([script, executable(tmp_path / 'it', machine)])
    assert found == f'manylinux_2_17_{name}.manylinux2014_{name}.musllinux_1_1_{name}'


def test_executable_that_needs_libraries(tmp_path: Path) -> None:
    """One that is linked to the libraries of this machine goes into no wheel."""
    with pytest.raises(WheelError, match='it is linked to libraries'):
        platform_of([executable(tmp_path / 'it', segment=INTERPRETER)])


def test_executables_for_several_machines(tmp_path: Path) -> None:
    """Executables for different machines go into no wheel together."""
    files = [executable(tmp_path / str(machine), machine) for machine in (X86_64, AARCH64)]
    with pytest.raises(WheelError, match=r"\['aarch64', 'x86_64'\]"):
        platform_of(files)


def test_machine_without_a_wheel(tmp_path: Path) -> None:
    """A machine that the tags have no name for is told."""
    with pytest.raises(WheelError, match='EM_RISCV'):
        platform_of([executable(tmp_path / 'it', RISCV)])


def test_serial_number_follows_contents(tmp_path: Path) -> None:
    """Bills of different contents have different serial numbers, though all is dated alike."""
    file = tmp_path / 'it'
    numbers = set()
    for text in ('a', 'b', 'a'):
        file.write_text(text)
        numbers.add(json.loads(bill.bill('it', '1', {'it': file}, {}, 0))['serialNumber'])
    assert len(numbers) == 2


def unpacked(wheel: Path, folder: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    # As pip does it; zipfile leaves it out.
    for each in folder.glob(f'{installed.FOLDER}/bin/*'):
        each.chmod(0o755)
    return folder


def test_engine_is_found_where_the_wheel_is_installed(wheel: Path, tmp_path: Path) -> None:
    """The service finds the engine of an installed wheel that was made of the same sources."""
    site = unpacked(wheel, tmp_path / 'site')
    found = installed.bin_folder(ENGINE.fingerprint, [str(site)])
    assert found == site / installed.FOLDER / 'bin'
    assert installed.bin_folder(lambda: 'another', [str(site)]) is None


def test_engine_that_cannot_be_executed(wheel: Path, tmp_path: Path) -> None:
    """An engine that lost what makes it executable is passed over, as one is built then."""
    site = unpacked(wheel, tmp_path / 'site')
    (site / installed.FOLDER / 'bin' / 'pulumi').chmod(0o644)
    assert installed.bin_folder(ENGINE.fingerprint, [str(site)]) is None


def test_pure_wheel_has_no_engine(tmp_path: Path) -> None:
    """An installed wheel without executables is passed over."""
    site = unpacked(making.pure(tmp_path / 'dist'), tmp_path / 'site')
    assert installed.bin_folder(ENGINE.fingerprint, [str(site)]) is None


def test_engine_is_found_by_the_link_of_the_venv(
    tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkout's own venv finds the engine that the Python which made it has."""
    site = unpacked(wheel, tmp_path / 'site')
    (tmp_path / 'venv').mkdir()
    (tmp_path / 'venv' / installed.LINK).symlink_to(site / installed.FOLDER)
    monkeypatch.setattr(sys, 'prefix', str(tmp_path / 'venv'))
    assert installed.bin_folder(ENGINE.fingerprint) == tmp_path / 'venv' / installed.LINK / 'bin'
    shutil.rmtree(site)
    assert installed.bin_folder(ENGINE.fingerprint) != tmp_path / 'venv' / installed.LINK / 'bin'


def test_set_up_hands_the_engine_on(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The set-up has the checkout's venv find the engine of the Python that sets up."""
    site = unpacked(wheel, tmp_path / 'site')
    (tmp_path / 'venv').mkdir()
    monkeypatch.setattr(packages, 'VENV', tmp_path / 'venv')
    monkeypatch.setattr(sys, 'path', [str(site)])
    for _ in range(2):
        packages._hand_on_engine()
        assert (tmp_path / 'venv' / installed.LINK).readlink() == site / installed.FOLDER


def test_versions_agree() -> None:
    """Engine, package and what pip is told of it name the same versions."""
    assert f'v{versions.text(versions.CLI)}' == build.PULUMI_VERSION
    settings = (ROOT / 'warm_wheel' / 'pyproject.toml').read_text()
    assert f'"pulumi>={versions.text(versions.OLDEST_SDK)},<{versions.CLI[0] + 1}"' in settings


def test_readme_tells_the_versions(wheel: Path) -> None:
    """The README names the wheel as it is called, and the versions that fit together."""
    text = (ROOT / 'warm_pulumi' / 'README.md').read_text()
    [random] = build.PLUGINS
    assert f'pip install {wheel.name} ' in text
    assert f"| Pulumi's CLI | {versions.text(versions.CLI)}, alone." in text
    assert f'| {versions.text(versions.OLDEST_SDK[:2])} or newer; the tests run with' in text
    assert f'| Random provider | {random.rpartition("-v")[2]} serves' in text
    pinned = re.search(r'^pulumi==(.*)$', (ROOT / 'requirements.txt').read_text(), re.MULTILINE)
    assert pinned
    assert f'the tests run with {pinned[1]}.' in text
