"""The product as its users run it: `oms up` in a process, real stores, real signals."""
