"""Understanding letters: rules, the optional model, and the facts both must prove."""
