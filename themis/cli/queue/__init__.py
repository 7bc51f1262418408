"""`themis queue`: inspection and administration of a queue."""
