"""What others start here, and what they are told: calls in, notifications out."""
