from harvester.api.standings import Standing, user_progress

ask = user_progress("01J0000000000000000000ADAX", [1, 14402, 999999])
expected = {
    1: Standing(24, 255, 20, 180, 18, 160),
    14402: Standing(31, 400, 0, 0, 0, 0),
    999999: Standing(0, 0, 0, 0, 0, 0),
}
