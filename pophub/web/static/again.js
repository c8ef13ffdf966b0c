(() => {
  const look = async () => {
    const parts = [...document.querySelectorAll("[data-again]")];
    if (!parts.length) return;
    try {
      const answer = await fetch(location.href);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (answer.ok) for (const part of parts) renew(part, page.getElementById(part.id));
    } catch { /* it does not answer: asked again */ }
    setTimeout(look, 2000);
  };
  const renew = (part, now) => {
    if (!now) return;
    const focused = part.contains(document.activeElement);
    part.replaceChildren(...now.childNodes);
    part.toggleAttribute("data-again", now.hasAttribute("data-again"));
    if (focused) (part.querySelector("a, button") ?? part).focus();
  };
  setTimeout(look, 2000);
})();
