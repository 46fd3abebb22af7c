// A classic script in the head: the theme must be known before the first paint.
{
  const stored = localStorage.getItem("segscope-theme");
  const dark = stored ? stored === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}
