"""Threads, Dask, subprocesses."""
