// Before anything is painted: the theme that was chosen here, so that the page never flashes in the other one.
(() => {
  try {
    const chosen = localStorage.getItem("observatory.theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // No storage: the system's theme it is.
  }
})();
