"""Unlock lists in pages of a few rows, so that a list of many pages is cheap."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harvester.endpoints import unlock_head, unlock_paging, unlocks

PAGE = 8
OVERLAP = 3


@contextmanager
def small_pages() -> Iterator[None]:
    """Read lists eight rows at a time; three known rows in a row are enough of an overlap."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (unlock_head, unlock_paging, unlocks):
            patch.setattr(module, "PAGE", PAGE)
        patch.setattr(unlock_paging.page_at, "__defaults__", (PAGE,))
        patch.setattr(unlock_paging, "NARROWER", (PAGE, 5, 3, 2))
        patch.setattr(unlock_head, "OVERLAP", OVERLAP)
        yield
