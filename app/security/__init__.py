"""Who is calling, and may they: sessions, tokens, cookies, origins and rate limits."""
