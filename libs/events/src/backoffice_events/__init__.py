"""Event contracts of the back office, and reliable messaging over Kafka."""
