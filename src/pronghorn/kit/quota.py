"""Quota: the whole number that dashboards of this family count money in; 500,000 of it are one US dollar.

One quota is 2,000 nano-dollars. What is left is rounded down and what was used is rounded up, so that nobody sees
more than there is, and both together are what was paid in whenever that is a whole number of quota (as cents are).
"""

from pronghorn.kit.money import NANO_PER_USD

QUOTA_PER_USD = 500_000
NANO_PER_QUOTA = NANO_PER_USD // QUOTA_PER_USD
MAX_QUOTA = 10**9 * QUOTA_PER_USD
"""A thousand million US dollars: clients of this API send no more."""


def left(nano: int) -> int:
    """Rounded down, and never below zero."""
    return max(0, nano) // NANO_PER_QUOTA


def used(nano: int) -> int:
    """Rounded up: what did cost something is never shown as 0."""
    return -(-nano // NANO_PER_QUOTA)


def nano(quota: int) -> int:
    """Exact."""
    return quota * NANO_PER_QUOTA
