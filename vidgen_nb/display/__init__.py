"""What a cell shows: pure functions from records to HTML and text, and the one living widget."""
