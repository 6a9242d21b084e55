"""A page that shows streams in a browser. The browser decodes them itself (bitstreams/js). Read first: `site.py`.

site.py       the files of the page, by path        page/      the page
original.py   blocks of a raster to compare with    server.py  serves the page on this machine
export.py     writes the files for any web server
"""
