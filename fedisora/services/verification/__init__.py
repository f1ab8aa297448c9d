"""How this instance makes sure that somebody is a person: cases, methods, credentials."""
