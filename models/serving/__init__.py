"""What answers with a network, and what stands on its card: no TensorFlow."""
