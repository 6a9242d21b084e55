"""The command line: parses arguments, calls the library, prints results. One click command per file."""
