"""A sampler takes token ids and returns token ids with a finish reason and log-probabilities."""
