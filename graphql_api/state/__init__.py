"""What a server keeps in a folder, so that its clients go on after it was started again."""
