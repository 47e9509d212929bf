"""Trouble on order: which of the coming requests go wrong, and how."""

from dataclasses import dataclass
from typing import Literal, TypedDict, get_args

Kind = Literal[
    "429",
    "500",
    "502-html",
    "503-maintenance",
    "cloudflare-403",
    "403-json",
    "401",
    "hang",
    "truncate",
    "not-json",
    "empty-list",
    "wrong-shape",
    "recent-fallthrough",
    "drop-connection",
    "slow-drip",
]
"""Every way a request can go wrong."""


class Detail(TypedDict, total=False):
    """How a fault looks in particular.

    `retry_after` goes into the header of a 429 (seconds, or an HTTP date as text); `seconds`
    is how long "hang" is silent (an hour), or "slow-drip" rests after each of its `pieces`;
    `body` and `content_type` replace what "not-json" and "wrong-shape" send.
    """

    retry_after: int | str
    seconds: float
    pieces: int
    body: bytes
    content_type: str


@dataclass(slots=True)
class Fault:
    """One order: let `after` matching requests pass, then spoil `times` of them."""

    kind: Kind
    detail: Detail
    times: int
    only: str | None
    after: int

    def strikes(self, name: str) -> bool:
        """Whether the request for the endpoint `name`, happening now, is spoilt."""
        if self.times <= 0 or self.only not in (None, name):
            return False
        self.after -= 1
        is_struck = self.after < 0
        self.times -= is_struck
        return is_struck


class Faults:
    """The orders in force; of several that match, the eldest strikes, unseen by the others."""

    def __init__(self) -> None:
        self._orders: list[Fault] = []

    def order(self, fault: Fault) -> None:
        """Add one; raises `ValueError` for an unknown kind."""
        if fault.kind not in get_args(Kind):
            raise ValueError(f"no such fault: {fault.kind}; there are {', '.join(get_args(Kind))}")
        self._orders.append(fault)

    def clear(self) -> None:
        """Let everything go well again."""
        self._orders.clear()

    def strike(self, name: str) -> Fault | None:
        """Return the fault that hits the request for the endpoint `name`, if any."""
        struck = next((fault for fault in self._orders if fault.strikes(name)), None)
        self._orders = [fault for fault in self._orders if fault.times > 0]
        return struck
