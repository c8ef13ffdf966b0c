"""History and share transactions: append-only, chained by digest per lane, counted from PostgreSQL alone."""
