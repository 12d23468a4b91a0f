"""Model files of tree libraries as checked arrays: every index, count, size, depth and link is looked at, in pure Python.

What a library's own compiled reader is given afterwards cannot lead it out of its arrays.
"""
