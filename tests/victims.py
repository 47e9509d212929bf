"""Harvests in processes of their own, to be killed: what such a process does."""

from datetime import timedelta
from pathlib import Path

from harvester import app, clock, harvest
from harvester.config import load
from harvester.stop import Stop
from harvester.store.polls import Selection


def fetch(config: Path, hours: float) -> None:
    """Do as `fetch` does, with a clock that is so many hours ahead."""
    settings = load(config, {})
    ahead = app.Time(now=lambda: clock.now() + timedelta(hours=hours))
    with app.harvesting(lambda: settings, "fetch", stop=Stop(), time_of=ahead) as made:
        for _ in harvest.round_of(made, Selection()):
            pass
