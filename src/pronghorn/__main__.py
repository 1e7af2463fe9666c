"""`python -m pronghorn` is `pronghorn`. Imports nothing until it runs: helper processes import it too."""

if __name__ == "__main__":
    from pronghorn.cli import main

    main()
