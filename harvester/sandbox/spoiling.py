"""What a spoilt request gets instead of its answer."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from harvester.sandbox.faults import Detail, Fault
from harvester.sandbox.ticket_answers import recent
from harvester.sandbox.wire import (
    Ended,
    Query,
    Reply,
    denied,
    encode,
    ok,
    page_of_html,
    server_error,
)

if TYPE_CHECKING:
    from harvester.sandbox.world import World


def spoil(world: "World", fault: Fault, query: Query, accept: str, good: Reply) -> Reply:
    """Return what the fault makes of a good reply; faults of the connection leave it be."""
    if fault.kind == "recent-fallthrough":
        return _recent(world, query)
    if fault.kind == "503-maintenance":
        return _maintenance(accept)
    make = SPOILT.get(fault.kind)
    return good if make is None else make(fault.detail)


def _recent(world: "World", query: Query) -> Reply:
    try:
        return recent(world, query)
    except Ended as early:
        return early.reply


def _maintenance(accept: str) -> Reply:
    """JSON only to those who ask for it: the check runs before RA's own middleware."""
    if "application/json" in accept:
        return denied(503, "Service Unavailable", "service_unavailable")
    return page_of_html(503, "Service Unavailable")


def _too_many(detail: Detail) -> Reply:
    page = page_of_html(429, "429 Too Many Requests")
    retry_after = detail.get("retry_after")
    extra = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Reply(429, page.body, {**page.headers, **extra})


def _of_another_kind(detail: Detail) -> Reply:
    page = page_of_html(200, "One moment, please...")
    headers = {"Content-Type": detail.get("content_type", page.headers["Content-Type"])}
    return Reply(200, detail.get("body", page.body), headers)


def _of_another_shape(detail: Detail) -> Reply:
    return Reply(200, detail.get("body", encode({"Unexpected": {"Shape": True}})))


SPOILT: dict[str, Callable[[Detail], Reply]] = {
    "401": lambda _: denied(401, "Unauthenticated.", "unauthorized"),
    "403-json": lambda _: denied(403, "Forbidden", "forbidden"),
    "cloudflare-403": lambda _: page_of_html(403, "Attention Required! | Cloudflare"),
    "429": _too_many,
    "500": lambda _: server_error(),
    "502-html": lambda _: page_of_html(502, "502 Bad Gateway"),
    "not-json": _of_another_kind,
    "empty-list": lambda _: ok([]),
    "wrong-shape": _of_another_shape,
}
