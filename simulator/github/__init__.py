"""GitHub Actions as the simulator speaks it: true histories in GitHub's words, routes, pages, budgets and errors."""
