"""What a process is given before it carries records: memory, a deadline, places where tests kill it."""
