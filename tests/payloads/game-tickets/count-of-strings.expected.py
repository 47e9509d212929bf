from harvester.api.payloads import GameTickets, game_tickets

ask = game_tickets(501, is_promoted=False)
expected = GameTickets(game_id=501, title="Café Racer", console_name="Mega Drive", reported=8)
