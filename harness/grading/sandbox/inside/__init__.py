"""What runs inside the jail: a folder that Python executes as a script (`python inside/`), importing nothing but the standard library.

The files name each other without a package, as a script's neighbours do; outside, only `codec` is imported.
"""
