from datetime import UTC, datetime

from harvester.api.payloads import GameTickets, Ticket, game_ticket_list

ask = game_ticket_list(501, is_promoted=False, offset=100, count=1)
expected = GameTickets(
    game_id=501,
    title="Café Racer",
    console_name="Mega Drive",
    reported=1,
    tickets=(
        Ticket(
            id=41,
            achievement_id=71,
            game_id=501,
            report_type=1,
            report_type_text="Triggered at the wrong time",
            state=1,
            state_text="Open",
            is_hardcore=True,
            notes="no",
            reported_at=datetime(2017, 10, 16, 6, 10, 52, tzinfo=UTC),
            reporter_name="Rob",
            assignee_name="Ada",
            resolved_at=None,
            resolver_name=None,
        ),
    ),
)
