from datetime import date

from harvester.api.payloads import GameInfo, game_extended

ask = game_extended(501, is_promoted=False)
expected = GameInfo(
    id=501,
    title="Café Racer",
    console_id=1,
    console_name="Genesis/Mega Drive",
    parent_game_id=None,
    forum_topic_id=112,
    released_on=date(1991, 6, 23),
    players=None,
    achievements_count=None,
    achievements=(),
)
