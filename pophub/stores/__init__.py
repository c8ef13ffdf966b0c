"""The straight line's writers in PostgreSQL: what each stage keeps, and which transaction makes its step atomic."""
