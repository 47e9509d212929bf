from datetime import UTC, date, datetime

from harvester.api.payloads import Achievement, GameInfo, GameProgress, game_progress

ask = game_progress(501, "Rob")
expected = GameProgress(
    game=GameInfo(
        id=501,
        title="Café Racer",
        console_id=25,
        console_name="Atari 2600",
        forum_topic_id=None,
        publisher="",
        developer="",
        genre="",
        released_on=date(1980, 1, 1),
        released_granularity="year",
        image_icon="/Images/000501.png",
        image_title="/Images/000502.png",
        image_ingame="/Images/000503.png",
        image_box_art="/Images/000504.png",
        rich_presence_md5="cce60593880d25c97797446ed33eaffb",
        achievements_count=1,
        achievements=(
            Achievement(
                id=71,
                title="First Lap",
                description="Finish a lap",
                points=1,
                true_ratio=1,
                author_name="Ada",
                type="progression",
                badge_name="85541",
                display_order=0,
                mem_md5="f5c41fa0b5fa0d5fbb8a74c598f18582",
                unlocks=338,
                unlocks_hardcore=253,
                created_at=datetime(2019, 7, 31, 18, 49, 57, tzinfo=UTC),
                modified_at=datetime(2019, 8, 1, 19, 3, 46, tzinfo=UTC),
                earned_at=datetime(2022, 8, 23, 22, 56, 38, tzinfo=UTC),
            ),
        ),
    ),
    awarded=1,
    awarded_hardcore=0,
    completion=1.0,
    completion_hardcore=0.0,
)
