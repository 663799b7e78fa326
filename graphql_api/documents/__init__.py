"""What clients ask for: documents, parsed, checked, remembered and bounded."""
