"""The embedded stack: a real Kafka and a real PostgreSQL from wheels and jars, no Docker, all on loopback."""
