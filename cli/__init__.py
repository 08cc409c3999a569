"""The `observatory` command: wires the processes together and answers from the terminal."""
