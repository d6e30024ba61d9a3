"""One module for each command of `backoffice`."""
