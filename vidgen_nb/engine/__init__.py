"""The engine moves a generation from its POST to its file: rules decide, the runner does, the wire carries."""
