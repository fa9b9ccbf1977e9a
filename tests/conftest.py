"""For all tests: graphs and programs are checked after every pass of the compiler."""

from chainrule.config import config

config.verify = True
