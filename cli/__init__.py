"""The command line: parses arguments, calls the library, prints results. One click command per file.

main.py       finds the command, prints its error, returns its exit code
options.py    options that commands share
spelling.py   turns arguments in messages of the library into options

May import: everything. Read first: `main.py`, then `encode.py`.
"""
