"""A page that shows streams in a browser, which decodes them itself (bitstreams/js). Start with site.py.

site.py       what the page asks for, by path       page/      the page
original.py   blocks of a raster to compare with    server.py  answers on this machine
export.py     the same as files, for any web server
"""
