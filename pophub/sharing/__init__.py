"""Who may have what: subscriptions, projection, pseudonyms."""
