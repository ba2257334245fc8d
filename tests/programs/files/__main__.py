"""Files in the folder that FILES names, one resource each."""

import os
import signal
from pathlib import Path
from urllib.parse import quote

import pulumi
from kept_file import KeptFile, obey

config = pulumi.Config()
folder = Path(os.environ['FILES'])
stack = pulumi.get_stack()
if pulumi.runtime.is_dry_run():
    obey({'path': folder / stack}, 'preview')
if (folder / 'exit').exists():
    os._exit(3)
if (folder / 'killed').exists():
    os.kill(os.getpid(), signal.SIGKILL)
files = [
    KeptFile(
        name,
        path=str(folder / f'{stack}-{name}'),
        text=config.require('text'),
        token=config.require_secret('token'),
        opts=pulumi.ResourceOptions(protect=config.require_bool('protect')),
    )
    for name in config.require_object('names')
]
print(f'the token is {config.require("token")}')
pulumi.export('paths', [each.path for each in files])
pulumi.export('token', config.require_secret('token'))
if (folder / 'marked').exists():
    pulumi.export('limits', [float('nan'), float('inf')])
    pulumi.export('page', pulumi.StringAsset('hello'))
if (folder / 'quoting').exists():
    token = config.require('token')
    print(f'{token!r}; {token.strip()}; {quote(token)}')
if (folder / 'careless').exists():
    pulumi.export('careless', config.require('token'))
