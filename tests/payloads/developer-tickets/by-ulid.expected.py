from harvester.api.payloads import DeveloperTickets, developer_tickets

ask = developer_tickets("01j0000000000000000000adax")
expected = DeveloperTickets(
    name="Ada", ulid="01J0000000000000000000ADAX", open=1, closed=17, resolved=27, total=45
)
