"""Folders of programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

PROJECT = {'name': 'token', 'description': 'A token', 'runtime': 'python'}


def write(folder: Path, schema: Any = None, **project: Any) -> Path:
    """Make a program, with more or other keys in its Pulumi.yaml."""
    folder.mkdir(exist_ok=True)
    (folder / 'Pulumi.yaml').write_text(yaml.safe_dump({**PROJECT, **project}))
    (folder / 'requirements.txt').write_text('')
    (folder / '__main__.py').write_text('')
    if schema is not None:
        (folder / 'inputs.schema.json').write_text(json.dumps(schema))
    return folder
