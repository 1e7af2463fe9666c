"""What the management API and the command line do, one noun a file. Each takes an open transaction."""
