from harvester.api.payloads import GameTickets, game_tickets

ask = game_tickets(501)
expected = GameTickets(
    game_id=501, title="Café Racer", console_name="Genesis/Mega Drive", reported=8, tickets=None
)
