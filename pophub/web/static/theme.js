(() => {
  let frame = null;
  try { frame = parent !== self && parent.document.documentElement; } catch { /* another origin's frame */ }
  if (!frame) return;
  const follow = () => {
    document.documentElement.dataset.theme = frame.classList.contains("dark") ? "dark" : "light";
  };
  follow();
  new MutationObserver(follow).observe(frame, { attributes: true, attributeFilter: ["class"] });
})();
