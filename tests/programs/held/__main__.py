"""As the burner program, but a test can hold it in the middle of its update.

GATE names a folder. While there is a file `hold-before` in it, each run leaves a file `held-PID`
there before it declares its resource, and waits; with `hold`, it does so once that is made.
"""

import os
import time
from pathlib import Path

import pulumi
import pulumi_random as random

request = pulumi.Config().require('request')
gate = Path(os.environ['GATE'])


def wait(hold: str, value: str = '') -> str:
    if (gate / hold).exists():
        (gate / f'held-{os.getpid()}').touch()
        while (gate / hold).exists():
            time.sleep(0.01)
    return value


wait('hold-before')
made = random.RandomUuid('fake-uuid')
pulumi.export(request, made.result.apply(lambda value: wait('hold', value)))
