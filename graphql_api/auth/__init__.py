"""Who may use the server, and what tells it so."""
