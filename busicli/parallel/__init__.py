"""Work in parallel: threads, Dask, subprocesses."""
