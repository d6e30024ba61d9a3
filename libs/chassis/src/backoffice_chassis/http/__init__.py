"""The HTTP edge: transaction per request, problem documents, paging, ETags, idempotency keys."""
