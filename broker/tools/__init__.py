"""Commands that are not the stream, and what they need."""
