"""The platform's secrets and Pulumi's own: each reads what the other one has made."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from engine import Engine
from stacks.operation.snapshots import write_settings
from stacks.vault import Vault, WrongPassphraseError

PASSPHRASE = 'a passphrase with spaces, ä'
SECRET = 'planted "ä" \n second line'


class Project:
    """A project that the Pulumi CLI works on, in a folder with a backend of its own."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.settings = folder / 'Pulumi.dev.yaml'
        self._pulumi = str(engine.pulumi)
        self._folder = folder
        (folder / 'Pulumi.yaml').write_text('{name: token, runtime: python}')
        (folder / 'backend').mkdir()
        self.run('stack', 'init', 'dev')

    def run(self, *arguments: str, given: str = '') -> str:
        """Run a command and return what it prints."""
        variables = {
            'PULUMI_BACKEND_URL': (self._folder / 'backend').as_uri(),
            'PULUMI_HOME': str(self._folder / 'home'),
            'PULUMI_CONFIG_PASSPHRASE': PASSPHRASE,
            'PULUMI_SKIP_UPDATE_CHECK': 'true',
        }
        done = subprocess.run(
            [self._pulumi, *arguments, '--non-interactive'],
            cwd=self._folder,
            env={**os.environ, **variables},
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def project(built_engine: Engine, tmp_path: Path) -> Project:
    return Project(built_engine, tmp_path)


def test_made_by_pulumi(project: Project) -> None:
    """What the Pulumi CLI encrypts is decrypted here, and not with another passphrase."""
    project.run('config', 'set', '--secret', '--stack', 'dev', 'key', given=SECRET)
    found = yaml.safe_load(project.settings.read_text())
    vault = Vault(PASSPHRASE, found['encryptionsalt'])
    assert vault.decrypt(found['config']['token:key']['secure']) == SECRET
    with pytest.raises(WrongPassphraseError):
        Vault(PASSPHRASE + ' ', found['encryptionsalt'])


def test_read_by_pulumi(project: Project) -> None:
    """What is encrypted here is decrypted by the Pulumi CLI, from the settings of a run."""
    vault = Vault(PASSPHRASE, Vault.new_salt(PASSPHRASE))
    inputs = {'plain': {'size': 3}, 'secret': {'key': vault.encrypt(SECRET)}}
    write_settings(project.settings, vault.salt, 'token', inputs)
    assert SECRET not in project.settings.read_text()
    assert project.run('config', 'get', '--stack', 'dev', 'key').rstrip('\n') == SECRET
    assert project.run('config', 'get', '--stack', 'dev', 'size').strip() == '3'
