"""Books journals and keeps the stock record."""
