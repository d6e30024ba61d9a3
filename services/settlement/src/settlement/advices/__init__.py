"""What the CSD says of instructions: ISO 20022 messages read, checked and applied."""
