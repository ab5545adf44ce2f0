"""How a tiny model of each family is shaped, and its processor: one module for each of `harness.models.families`."""
