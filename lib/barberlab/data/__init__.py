"""Reading: the contract, its ingest, the warehouse and the one definition of each metric."""
