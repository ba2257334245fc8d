"""`/v1/auth/oidc`: a pipeline's own token for one of ours."""

from __future__ import annotations

import falcon

from pipelines.errors import KeysError, RefusedError
from pipelines.exchange import Exchange
from rest import parameters, reading, schemas
from stacks import moments
from stacks.errors import UnavailableError

RETRY_AFTER = 60


class Oidc:
    """Where pipelines sign in; whoever asks shows by the token in the body who they are."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        parameters.read(req, parameters.NONE)
        token = reading.body(req, schemas.NEW_PIPELINE_TOKEN)['token']
        try:
            issued = self._exchange.issue(token)
        except RefusedError as error:
            raise falcon.HTTPUnauthorized(description=str(error), challenges=['Bearer']) from None
        except KeysError as error:
            raise UnavailableError(str(error), RETRY_AFTER) from None
        programs = issued.caller.programs
        resp.cache_control = ['no-store']
        resp.media = {
            'token': issued.token,
            'name': issued.caller.name,
            'role': issued.caller.role,
            'programs': sorted(programs) if programs is not None else None,
            'expires_at': moments.text(issued.expires_at),
        }
