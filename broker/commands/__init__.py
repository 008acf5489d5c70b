"""What each command takes, and nothing of what it does; `starsieve.broker.cli` mounts them."""
