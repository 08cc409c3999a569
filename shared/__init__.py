"""The words, the tables, the recorder, the event log and every read query; imports nothing of the other folders."""
