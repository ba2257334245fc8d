"""The keys of an issuer, from the URL that the settings name, kept for some time."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import requests

from pipelines.errors import KeysError

logger = logging.getLogger(__name__)

Fetch = Callable[[str], Any]

# Seconds for which keys are kept, at most where they cannot be had anew, and between two fetches.
FRESH = 3600.0
LONGEST = 86400.0
AT_MOST_EVERY = 60.0
TIMEOUT = 5.0
MOST_BYTES = 256 * 1024
LEAST_BITS = 2048


class Keys:
    """The keys of one issuer; for any thread.

    fetch: returns the JSON at a URL; raises KeysError.
    clock: seconds that only go up.
    """

    def __init__(
        self, url: str, fetch: Fetch | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = url
        self._fetch = fetch or fetched
        self._clock = clock
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._got_at = self._tried_at = float('-inf')
        self._getting = threading.Lock()

    def by_id(self, id: str) -> jwt.PyJWK | None:
        """Return a key; None when the issuer has none of this id, as far as is known.

        Raises KeysError.
        """
        with self._getting:
            moment = self._clock()
            is_wanted = id not in self._keys or moment - self._got_at > FRESH
            # Whoever makes ids up does not have us ask all the time.
            if is_wanted and moment - self._tried_at >= AT_MOST_EVERY:
                self._tried_at = moment
                self._renew(moment)
            if moment - self._got_at > LONGEST:
                raise KeysError('The keys of the issuer cannot be had now. Try again later.')
            return self._keys.get(id)

    def _renew(self, moment: float) -> None:
        try:
            self._keys = _usable(self._fetch(self._url))
        except KeysError as error:
            logger.warning('the keys at %s cannot be had: %s', self._url, error)
        else:
            self._got_at = moment


def fetched(url: str) -> Any:
    """Return the JSON that is at a URL; redirects are not followed.

    Raises KeysError.
    """
    try:
        with requests.get(url, timeout=TIMEOUT, allow_redirects=False, stream=True) as answer:
            if answer.status_code != requests.codes.ok:
                raise KeysError(f'The answer is {answer.status_code}.')
            body = answer.raw.read(MOST_BYTES + 1, decode_content=True)
        if len(body) > MOST_BYTES:
            raise KeysError('The answer is too long.')
        return json.loads(body)
    except (requests.RequestException, OSError, ValueError, RecursionError) as error:
        raise KeysError(type(error).__name__) from error


def _usable(said: Any) -> dict[str, jwt.PyJWK]:
    """Return the RSA keys of a set, by their ids.

    Raises KeysError when it is no set.
    """
    try:
        found = jwt.PyJWKSet.from_dict(said).keys
    except (jwt.PyJWTError, AttributeError, TypeError, KeyError) as error:
        raise KeysError('These are no keys.') from error
    return {each.key_id: each for each in found if each.key_id and _is_strong(each)}


def _is_strong(key: jwt.PyJWK) -> bool:
    return key.key_type == 'RSA' and key.key.key_size >= LEAST_BITS
