"""What a machine without a cloud needs: servers of our own, kept running for those who use them."""
