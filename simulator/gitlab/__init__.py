"""GitLab CI as the simulator speaks it: pipelines that retry and re-open, routes, pages, limits and errors."""
