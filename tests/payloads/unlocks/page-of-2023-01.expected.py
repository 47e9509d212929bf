from datetime import UTC, datetime

from harvester.api.unlock_pages import Unlock, UnlockPage, unlock_page

ask = unlock_page(71, count=1)
expected = UnlockPage(
    achievement_id=71,
    game_id=501,
    unlocks=9524,
    players_total=21710,
    rows=(Unlock(name="Rob", at=datetime(2023, 1, 29, 21, 45, 41, tzinfo=UTC), is_hardcore=False),),
)
