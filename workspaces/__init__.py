"""How Pulumi is driven for a stack: engine and surroundings, who owns it, how it is recovered."""
