"""The stock record: how many units each book holds, settled, in flight and failing."""
