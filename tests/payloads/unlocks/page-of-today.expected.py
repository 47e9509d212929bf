from datetime import UTC, datetime

from harvester.api.unlock_pages import Unlock, UnlockPage, unlock_page

at = datetime(2026, 7, 22, 17, 25, 17, tzinfo=UTC)
ask = unlock_page(71, offset=500)
expected = UnlockPage(
    achievement_id=71,
    game_id=501,
    unlocks=15906,
    unlocks_hardcore=8223,
    players_total=38104,
    rows=(
        Unlock(name="Rob", ulid="01J0000000000000000000R0BX", at=at, is_hardcore=True),
        Unlock(name="Eve", ulid=None, at=at, is_hardcore=False),
    ),
)
