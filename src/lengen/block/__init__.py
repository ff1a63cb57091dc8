"""Types that the parts of a block share."""
