"""Avro packets: bounded before they are decoded, and decoded with their own schema."""
