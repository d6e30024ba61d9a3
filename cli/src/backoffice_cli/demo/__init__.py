"""The demo: the whole platform on real data, from an empty folder to books that reconcile."""
