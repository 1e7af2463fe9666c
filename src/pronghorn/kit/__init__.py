"""Words without business: money, time, ids, server-sent events. Imports nothing else of the package."""
