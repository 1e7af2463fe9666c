"""`python -m tests.wire` renews the golden files and the table in docs/en/conversion.md, and says which changed."""

from tests.wire import golden, page


def main() -> None:
    changed = [*golden.renew(), *page.renew()]
    print("\n".join(changed) or "nothing changed")


if __name__ == "__main__":
    main()
