"""Model files of tree libraries as checked arrays: each index, count, size, depth and link is followed, in pure Python.

What a library's own compiled reader is given afterwards cannot lead it out of its arrays.
"""
