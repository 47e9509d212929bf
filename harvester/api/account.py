"""What a client has to know of the account it asks for; `harvester.config` has it."""

from datetime import timedelta
from typing import Protocol

from pydantic import SecretStr


class ApiSettings(Protocol):
    """What the client has to know; `harvester.config` has it."""

    @property
    def username(self) -> str:
        """The account's name, sent along as RA's older documents ask."""

    @property
    def key(self) -> SecretStr:
        """The account's web API key."""

    @property
    def base_url(self) -> str:
        """Where the scripts are, such as https://retroachievements.org/API/."""

    @property
    def auth(self) -> str:
        """How the key travels: "query" (documented) or "bearer"."""

    @property
    def contact(self) -> str:
        """Whom RA's staff may ask about these requests; "" for the project."""

    @property
    def timeout(self) -> timedelta:
        """How long to wait for a connection, and for each part of an answer."""
