"""Code that tests of several rooms share.

models      the tiny untrained codec            laws        the contract of codecs
enhancers   untrained enhancers                 descent     a short training
upsamplers  untrained upsamplers                machine     a process whose CPU pretends to be less than it is
tools       scripts of tools/, as modules       site        a web server with range requests
trainers    shards, and stages of trainers      sources     the source files, and what they import
"""
