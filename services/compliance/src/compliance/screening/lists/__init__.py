"""Reading the lists that sanctions authorities publish, in the formats they publish them in."""
