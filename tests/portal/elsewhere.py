"""Pages of other sites, on another port of this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def served(texts: Mapping[str, str], policy: str = '') -> Iterator[str]:
    """Serve texts by their paths, pages and scripts; yields the URL of `/`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind = 'javascript' if self.path.endswith('.js') else 'html'
            self.send_response(200 if self.path in texts else 404)
            self.send_header('Content-Type', f'text/{kind}')
            if policy:
                self.send_header('Content-Security-Policy', policy)
            self.end_headers()
            self.wfile.write(texts.get(self.path, '').encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(('127.0.0.1', 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f'http://127.0.0.1:{server.server_port}'
        finally:
            server.shutdown()
            thread.join()


def form(target: str, **fields: str) -> str:
    """Return a page whose only button sends a form to this address."""
    hidden = ''.join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
    )
    body = f'<form method="post" action="{escape(target)}">{hidden}<button>Win</button></form>'
    return f'<!doctype html><title>x</title>{body}'
