"""The dashboard: pages, charts and a small JSON API over the trends. Reads the database alone."""
