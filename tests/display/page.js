// What the tests of the card ask the browser: a model as anywidget gives one, boxes, contrasts.
window.tests = {
  async mount([script, parts]) {
    window.card = await import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
    window.sent = [];
    const listeners = {};
    const tell = (event, ...what) => listeners[event]?.forEach(listener => listener(...what));
    window.model = {
      get: name => parts[name],
      on: (event, listener) => (listeners[event] ??= new Set()).add(listener),
      off: (event, listener) => listeners[event]?.delete(listener),
      send: message => sent.push(message),
      set: changed => { Object.assign(parts, changed); for (const name in changed) tell(`change:${name}`); },
      end: () => tell("comm_live_update"),
      hear: (message, buffers) => tell("msg:custom", message, buffers ?? []),
      leave: () => tell("comm_live_update"),
      listening: () => Object.values(listeners).reduce((sum, set) => sum + set.size, 0),
    };
    window.end = card.default.render({ model, el: document.getElementById("live") });
  },

  // x, y, width and height of each, from the corner of the card
  boxes(paths) {
    const corner = document.querySelector(paths.card).getBoundingClientRect();
    return Object.fromEntries(Object.entries(paths).map(([name, path]) => {
      const box = document.querySelector(path).getBoundingClientRect();
      return [name, [box.x - corner.x, box.y - corner.y, box.width, box.height]];
    }));
  },

  // where each of the texts begins, from the corner of the card
  lines([card, texts]) {
    const root = document.querySelector(card), corner = root.getBoundingClientRect();
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT), nodes = [];
    while (walker.nextNode()) nodes.push(walker.currentNode);
    return texts.map(text => {
      const range = document.createRange();
      range.selectNodeContents(nodes.find(node => node.data.trim() === text));
      const box = range.getBoundingClientRect();
      return [box.x - corner.x, box.y - corner.y];
    });
  },

  lefts: path => [...document.querySelectorAll(path)].map(e => e.getBoundingClientRect().x),

  beyond(right, path = "#live *, #static *") {
    return [...document.querySelectorAll(path)].filter(e => {
      const box = e.getBoundingClientRect();
      return box.width && !e.closest("svg, .vg-track, .vg-sr") && box.right > right + 0.5;
    }).map(e => e.outerHTML.slice(0, 99));
  },

  // texts below an element which lie over each other, by more than their lines' leading
  overlaps(path) {
    const texts = [...document.querySelectorAll(path)].filter(e => !e.children.length && e.textContent.trim());
    const boxes = texts.map(e => e.getBoundingClientRect()), over = (a, b) =>
      Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0.5 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 5;
    return texts.filter((e, i) => boxes.some((box, j) => i !== j && over(box, boxes[i]))).map(e => e.textContent);
  },

  // texts with a contrast below 4.5 to 1, WCAG 2's way, as they are painted: with every ground and opacity above them
  faint(path = "#live *, #static *") {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const painted = color => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const over = (top, below) => top.slice(0, 3).map((v, i) => v * top[3] / 255 + below[i] * (1 - top[3] / 255));
    const linear = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const light = rgb => 0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) + 0.0722 * linear(rgb[2]);
    const found = [];
    for (const e of document.querySelectorAll(path)) {
      const words = [...e.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
      if (!words || e.closest("video, .vg-sr")) continue;
      let ground = [255, 255, 255], opacity = 1;
      for (const p of [...function* () { for (let p = e; p; p = p.parentElement) yield p; }()].reverse()) {
        const style = getComputedStyle(p);
        ground = over(painted(style.backgroundColor), ground);
        opacity *= Number(style.opacity);
      }
      const ink = painted(getComputedStyle(e).color);
      ink[3] *= opacity;
      const [a, b] = [light(over(ink, ground)), light(ground)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
      if (ratio < 4.5) found.push([e.textContent.trim().slice(0, 40), ratio.toFixed(2)]);
    }
    return found;
  },

  // resolves once the browser has told observers that the card is in view, or is not
  inView: seen => new Promise(done => {
    const told = entries => { if (entries.at(-1).isIntersecting === seen) done(); };
    new IntersectionObserver(told).observe(document.getElementById("live").firstChild);
  }),
};
