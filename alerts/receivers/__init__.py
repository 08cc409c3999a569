"""One file a receiver kind, with what several of them share; `alerts.RECEIVERS` is the register."""
