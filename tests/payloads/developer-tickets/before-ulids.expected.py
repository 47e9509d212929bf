from harvester.api.payloads import DeveloperTickets, developer_tickets

ask = developer_tickets("ada_the_first")
expected = DeveloperTickets(name="Ada", ulid=None, open=0, closed=17, resolved=27, total=44)
