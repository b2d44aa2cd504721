"""The page to learn backward passes on: its local server, and what its Python side answers."""
