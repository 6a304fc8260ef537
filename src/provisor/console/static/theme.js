// Before anything is drawn: the viewer's choice is in the page already, else their system's.
(() => {
  const root = document.documentElement;
  if (!root.hasAttribute("data-bs-theme") && matchMedia("(prefers-color-scheme: dark)").matches) {
    root.setAttribute("data-bs-theme", "dark");
  }
})();
