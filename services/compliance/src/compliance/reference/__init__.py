"""The service's own copies of instruments, counterparties and employees."""
