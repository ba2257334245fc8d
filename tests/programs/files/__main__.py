"""Files in the folder that FILES names, one resource each."""

import os
from pathlib import Path

import pulumi
from kept_file import KeptFile, obey

config = pulumi.Config()
folder = Path(os.environ['FILES'])
stack = pulumi.get_stack()
if pulumi.runtime.is_dry_run():
    obey({'path': folder / stack}, 'preview')
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
if (folder / 'careless').exists():
    pulumi.export('careless', config.require('token'))
