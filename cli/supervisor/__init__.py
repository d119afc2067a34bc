"""Keeps the processes of `oms up` alive and ends them in order."""
