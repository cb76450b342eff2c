"""One file a signal; the file's name is the signal's type in lower case, and its constant is SIGNAL."""
