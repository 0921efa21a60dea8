"""The small world: made-up problems, a tokenizer and tiny models trained on the spot, so that everything runs for real on a CPU."""
