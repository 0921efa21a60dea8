"""Results in the formats of other tools: what they read, and what their users look at with them."""
