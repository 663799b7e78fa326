"""Table feeds: one changefeed per table, shared by everyone who reads or watches it."""
