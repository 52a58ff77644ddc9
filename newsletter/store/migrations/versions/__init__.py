"""One file a version; the number that its name begins with is the version."""
