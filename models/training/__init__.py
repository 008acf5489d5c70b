"""Networks and how they are fitted (needs TensorFlow)."""
