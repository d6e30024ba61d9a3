"""One settlement process for each trade: from captured to settled or cancelled."""
