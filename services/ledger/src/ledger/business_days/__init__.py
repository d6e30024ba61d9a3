"""The firm's days as the books see them: which days are closed to postings."""
