"""The pages that are made by `make docs`, and what makes them."""
