"""What a pipeline's token says, once it is sure that its issuer has said so to us and just now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt

from pipelines.errors import RefusedError
from pipelines.keys import Keys
from pipelines.trust import Issuer, Trusted

ALGORITHM = 'RS256'
REQUIRED = ['exp', 'iat', 'nbf', 'iss', 'aud', 'sub', 'jti']
# Seconds by which clocks may differ.
LEEWAY = 30
# Seconds that a token may last: it is remembered for so long that it was used.
LONGEST = 86400
LONGEST_JTI = 1000
NO_TOKEN = 'It is no token of an issuer that is trusted here.'
WRONG: dict[type[jwt.PyJWTError], str] = {
    jwt.ExpiredSignatureError: 'The token has expired: get one just before you use it.',
    jwt.ImmatureSignatureError: 'The token is not valid yet: the clocks differ.',
    jwt.InvalidAudienceError: 'The audience of the token must be {audience}, and nothing else.',
    jwt.MissingRequiredClaimError: 'The token has not all of the claims ' + ', '.join(REQUIRED),
}


def verified(
    token: str, trusted: Trusted, audience: str, keys: Callable[[Issuer], Keys]
) -> tuple[Issuer, dict[str, Any]]:
    """Return who has made a token, and its claims.

    audience: whom it must be for. keys: returns those of an issuer.

    Raises OidcError.
    """
    try:
        issuer = trusted.issuer(_unverified(token).get('iss'))
        return issuer, _claims(token, issuer, audience, keys(issuer))
    except jwt.PyJWTError as error:
        words = next((each for kind, each in WRONG.items() if isinstance(error, kind)), NO_TOKEN)
        raise RefusedError(words.format(audience=audience)) from None
    except (ValueError, TypeError, RecursionError, OverflowError):
        raise RefusedError(NO_TOKEN) from None


def _unverified(token: str) -> dict[str, Any]:
    """Return what a token says that anybody may have made; it only chooses the keys."""
    return dict(jwt.decode(token, options={'verify_signature': False}))


def _claims(token: str, issuer: Issuer, audience: str, keys: Keys) -> dict[str, Any]:
    key = keys.by_id(str(jwt.get_unverified_header(token).get('kid')))
    if key is None:
        raise RefusedError(NO_TOKEN)
    found = jwt.decode(
        token,
        key.key,
        algorithms=[ALGORITHM],
        audience=audience,
        issuer=issuer.url,
        leeway=LEEWAY,
        options={'require': REQUIRED, 'strict_aud': True},
    )
    if not 0 < int(found['exp']) - int(found['iat']) <= LONGEST:
        raise RefusedError('The token lasts longer than a day.')
    if not isinstance(found['jti'], str) or not 0 < len(found['jti']) <= LONGEST_JTI:
        raise RefusedError(NO_TOKEN)
    return dict(found)
