"""Synchronisation tasks (OMS 5.3)."""
