"""AsyncAPI 3 documents of the services, from their declared consumers and the contracts of the topics they own."""
