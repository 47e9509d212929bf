from harvester.api.payloads import Distribution, distribution

ask = distribution(501, is_hardcore=False, is_promoted=False)
expected = Distribution({})
