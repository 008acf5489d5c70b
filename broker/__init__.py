"""The stream: everything that touches Kafka, Redis or an alert packet."""
