"""Tasks: long jobs at media vendors. A server submits them, a worker sees them to their end.

Doors ask `tasks.service`, the worker runs `tasks.engine`: neither needs what the other imports.
"""
