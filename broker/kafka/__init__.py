"""Kafka, as the stream needs it: a consumer that can step back, a producer that publishes and commits as one."""
