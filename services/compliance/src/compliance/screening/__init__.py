"""Sanctions lists, and the screening of counterparties against them."""
