"""The bytes of public dialects: typed where the gateway acts, everything else left alone. No I/O."""
