"""Who may call, one module for each kind of sender: how it signs, and what its calls say."""
