"""Does what a consumer keeps still follow from its topics? Rebuilds it in a schema of its own, and compares."""
