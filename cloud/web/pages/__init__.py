"""The pages that a household sees, rendered on the server; a small script refreshes them, none is needed."""
