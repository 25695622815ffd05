"""Other people's exports: a mapping file says in SQL how they become the contract's tables."""
