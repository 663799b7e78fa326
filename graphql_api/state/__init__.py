"""Feeds kept in a folder, so that a server's clients go on after it was started again."""
