"""Access control: which clients the server serves, and what each may do."""
