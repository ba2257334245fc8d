"""The token that a pipeline has of its own, which the service takes for one of its own (OIDC)."""

from __future__ import annotations

import os
from collections.abc import Mapping

import requests

from infra.errors import SettingsError

GITHUB, OF_VARIABLE = 'github', 'env:'
# Where GitHub gives its jobs tokens, and by what.
REQUEST_URL, REQUEST_TOKEN = 'ACTIONS_ID_TOKEN_REQUEST_URL', 'ACTIONS_ID_TOKEN_REQUEST_TOKEN'
SECONDS = 10.0


def token(source: str, audience: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the token of the pipeline that this runs in.

    source: `github`, or `env:NAME` for one that is in a variable. audience: whom it is for.

    Raises SettingsError.
    """
    if source == GITHUB:
        return _of_github(audience, environ)
    name = source.removeprefix(OF_VARIABLE)
    if not source.startswith(OF_VARIABLE) or not name:
        raise SettingsError('--oidc takes `github`, or `env:NAME` with the variable of the token.')
    if not environ.get(name, '').strip():
        raise SettingsError(f'{name}, which is to have the token of the pipeline, is not set.')
    return environ[name].strip()


def _of_github(audience: str, environ: Mapping[str, str]) -> str:
    url, bearer = environ.get(REQUEST_URL, ''), environ.get(REQUEST_TOKEN, '')
    if not url or not bearer:
        raise SettingsError(
            'GitHub gives this job no token: it needs  permissions: {id-token: write}  and runs '
            'in no pull request of a fork.'
        )
    try:
        answer = requests.get(
            url,
            params={'audience': audience},
            headers={'Authorization': f'Bearer {bearer}', 'Accept': 'application/json'},
            timeout=SECONDS,
            allow_redirects=False,
        )
        answer.raise_for_status()
        found = answer.json()['value']
    except (requests.RequestException, ValueError, KeyError, TypeError):
        # Without its words: they have the URL in them, which is the job's own.
        raise SettingsError('GitHub gave this job no token. Try again.') from None
    return str(found)
