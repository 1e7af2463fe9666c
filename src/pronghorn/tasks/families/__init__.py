"""Families of tasks, one module each. Found by walking this folder; no list names them."""
