from harvester.api.standings import Standing, user_progress

ask = user_progress("Ada", [1])
expected = {1: Standing(24, 255, 3, 30, 0, 0)}
