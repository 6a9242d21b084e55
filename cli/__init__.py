"""The edge: parses the command line, calls the library, reports. One click command per file."""
