"""Logs as events, without secrets, for people or for machines."""
