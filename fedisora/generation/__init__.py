"""Generation: prompts to drafts, in a warm child process that the web server never loads models into."""
