"""As the burner program, but a test can hold it in the middle of its update.

GATE names a folder. While there is a file `hold-before` in it, each run leaves a file `held-PID`
there before it declares its resource, and waits; with `hold`, it does so once that is made. With
`raise`, `no-output` or `secret` it fails, exports nothing, or exports a secret.
"""

import os
import time
from pathlib import Path

import pulumi
import pulumi_random as random

request = pulumi.Config().require('request')
gate = Path(os.environ['GATE'])


def told(what: str) -> bool:
    return (gate / what).exists()


def wait(hold: str, value: str = '') -> str:
    if told(hold):
        (gate / f'held-{os.getpid()}').touch()
        while told(hold):
            time.sleep(0.01)
    return value


wait('hold-before')
made = random.RandomUuid('fake-uuid')
if told('raise'):
    raise RuntimeError('the program was told to fail')
value = made.result.apply(lambda value: wait('hold', value))
if not told('no-output'):
    pulumi.export(request, pulumi.Output.secret(value) if told('secret') else value)
