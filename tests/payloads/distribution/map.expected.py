from harvester.api.payloads import Distribution, distribution

ask = distribution(501, is_hardcore=True)
expected = Distribution({1: 105, 2: 0, 3: 33})
