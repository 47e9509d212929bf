"""How a look asks: everything through the one client, and nothing read twice.

An answer that is byte for byte the one that the last look got to the same question tells
nothing new: it is recognised before it is parsed.
"""

import json
from typing import TypeVar

from harvester.api.client import Client
from harvester.api.payloads import Request

P = TypeVar("P")


class Asker:
    """Asks for one look, in one thread; counts what it asks, remembers what was answered.

    `sent` are the requests so far, `digests` the answers of this look, written down for the
    next one.
    """

    def __init__(self, client: Client, digests: str | None) -> None:
        self._client = client
        self._sent_before = client.sent_here
        self._before: dict[str, str] = json.loads(digests) if digests else {}
        self._now: dict[str, str] = {}

    @property
    def sent(self) -> int:
        """How many requests the look took so far, repeated ones included."""
        return self._client.sent_here - self._sent_before

    @property
    def digests(self) -> str | None:
        """The answers of this look, as the next one wants them."""
        return json.dumps(self._now) if self._now else None

    def __call__(self, request: Request[P], /) -> P:
        """Ask, and read the answer."""
        return self._client.get(request)

    def news(self, request: Request[P], /) -> P | None:
        """Ask, and read the answer unless it is the very one of the last look: then None."""
        question = request.words
        answered = self._client.news(request, self._before.get(question))
        self._now[question] = answered[1]
        return answered[0]
