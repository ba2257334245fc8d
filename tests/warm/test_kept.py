"""What an engine keeps for commands of several kinds that take turns."""

from __future__ import annotations

from pulumi import automation as auto

from tests.processes import processor_seconds
from tests.warm.project import Project
from warm_pulumi import WarmPulumi

KEPT = 3
PARENT_PROGRAM = """
    import os
    import pulumi

    pulumi.export('host', os.getppid())
    pulumi.export('seed', os.environ['PYTHONHASHSEED'])
    pulumi.export('hash', hash('text'))
"""


def test_program_hosts_are_kept(warm: WarmPulumi, project: Project) -> None:
    """Interpreters serve runs in turn; one too many takes the place of the least recently used."""
    project.write(PARENT_PROGRAM)

    def host(seed: int) -> int:
        project.env['PYTHONHASHSEED'] = str(seed)
        outputs = project.stack(warm).up().outputs
        assert outputs['seed'].value == str(seed)
        hashes.setdefault(seed, outputs['hash'].value)
        assert outputs['hash'].value == hashes[seed]
        return int(outputs['host'].value)

    hashes: dict[int, int] = {}
    hosts = [host(seed) for seed in range(KEPT)]
    assert len(set(hosts)) == len(set(hashes.values())) == KEPT
    assert [host(seed) for seed in range(KEPT)] == hosts
    added = host(KEPT)
    assert not project.is_running(hosts[0])
    assert [host(seed) for seed in range(1, KEPT + 1)] == [*hosts[1:], added]
    assert host(0) not in (*hosts, added)


def test_keys_of_passphrases_are_kept(
    warm: WarmPulumi, cold: auto.PulumiCommand, project: Project
) -> None:
    """A passphrase's key is derived for the first command that comes with it, not at each turn."""
    warm.start()
    engine = warm.engine_pid
    assert engine is not None
    stacks = {passphrase: f'of-{passphrase}' for passphrase in ('one', 'other')}

    def seconds(pulumi: auto.PulumiCommand, passphrase: str, *command: str) -> float:
        env = {'PULUMI_CONFIG_PASSPHRASE': passphrase}
        before = processor_seconds(engine)
        result = project.run(pulumi, *command, '--stack', stacks[passphrase], env=env)
        assert result.stdout.strip() in ('', passphrase)
        return processor_seconds(engine) - before

    for passphrase, name in stacks.items():
        env = {'PULUMI_CONFIG_PASSPHRASE': passphrase}
        project.run(cold, 'stack', 'init', name, '--no-select', env=env)
        seconds(cold, passphrase, 'config', 'set', 'key', passphrase, '--secret')
    first = sum(seconds(warm, passphrase, 'config', 'get', 'key') for passphrase in stacks)
    again = sum(seconds(warm, passphrase, 'config', 'get', 'key') for passphrase in stacks)
    assert again < first / 2
