"""What a listening test remembers, in SQLite or PostgreSQL: `models` is the schema, `store` reads and writes it."""
