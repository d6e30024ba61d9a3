"""Control totals: what the books prove of themselves, and the extract that other records are compared with."""
