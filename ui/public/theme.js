// Sets the chosen theme before the first paint; without a choice, the system's holds.
try {
  const chosen = localStorage.getItem("segue.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // A browser that keeps nothing for this site shows the system's theme.
}
