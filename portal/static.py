"""Style sheet, script and icon: read once, named by what is in them, so that browsers keep them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import falcon

from portal.paths import STATIC

KINDS = {'.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml'}
SCRIPT = 'portal.js'
FOR_EVER = 'public, max-age=31536000, immutable'


class Static:
    """The files of a folder; its scripts as one, so that a page asks for one."""

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, tuple[str, str]] = {
            file.name: (KINDS[file.suffix], file.read_text())
            for file in sorted(folder.iterdir())
            if file.suffix in KINDS
        }
        scripts = sorted(folder.glob('*.js'))
        # Each in a block: what it declares is its own.
        joined = '\n'.join(f'{{\n{script.read_text()}}}' for script in scripts)
        self._files[SCRIPT] = 'text/javascript; charset=utf-8', f"'use strict';\n{joined}\n"

    def address(self, name: str) -> str:
        """Return where a file is, as it is now."""
        return f'{STATIC}{name}?v={self._digest(name)}'

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        if name not in self._files:
            raise falcon.HTTPNotFound()
        digest = self._digest(name)
        resp.content_type, resp.text = self._files[name]
        resp.etag = digest
        resp.cache_control = [FOR_EVER if req.get_param('v') == digest else 'no-cache']

    on_head = on_get

    def _digest(self, name: str) -> str:
        return hashlib.sha256(self._files[name][1].encode()).hexdigest()[:12]
