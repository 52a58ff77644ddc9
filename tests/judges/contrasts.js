// For each text a reader sees: [its contrast (WCAG 2.2, 1.4.3) against the nearest ground behind it, its size, its start].
() => {
  const light = (c) => {
    const v = c / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  };
  const parts = (s) => (s.match(/[0-9.]+/g) || []).map(Number);
  const shine = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = parts(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walk.nextNode()); ) {
    const e = node.parentElement;
    if (!node.data.trim() || !e.getClientRects().length) continue;
    const [a, b] = [shine(parts(getComputedStyle(e).color)), shine(ground(e))];
    const size = parseFloat(getComputedStyle(e).fontSize);
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), size, node.data.trim().slice(0, 40)]);
  }
  return found;
}
