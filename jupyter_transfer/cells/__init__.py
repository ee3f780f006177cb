"""Transfers in the cells of a notebook: what is typed there, what it shows, what it returns."""
