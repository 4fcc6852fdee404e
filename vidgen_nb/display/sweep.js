// The living grid. Python renders its parts (sweep.py); here they are put in place. It stands after live.js in one module:
// `patch`, `told`, `forgetEnds` and `copy` are the card's own.

const AROUND = ["head", "bar", "counts"];
const FRAME = 1.5; // ms of each frame in which tiles are drawn: what the browser then does for them takes many times as long
const HOP = 300, HOPS = 6; // ms from one place of an open track to the next, and how many there are

function renderGrid({ model, el }) {
  const view = Math.random().toString(36).slice(2);
  const root = document.createElement("div");
  root.className = "vg";
  root.dataset.wide = "";
  root.innerHTML = `<section class="vg-set" aria-label="Sweep"><header class="vg-top" data-part="head"></header><div data-part="bar"></div>
    <div class="vg-counts" data-part="counts"></div><div class="vg-scroll" data-part="frame"></div></section><div class="vg-opened" hidden></div>`;
  el.append(root);
  const opened = root.querySelector(".vg-opened");
  const place = Object.fromEntries([...AROUND, "frame"].map(name => [name, root.querySelector(`[data-part=${name}]`)]));
  const drawn = {}, timers = new Set(), seen = new Set(), urls = new Map();
  const changed = new Set();
  let tiles = [], planned = false, gone = false, ticking = 0, hopping = 0, hops = 0, skew = 0, child = null;

  const say = (act, more = {}) => { try { model.send({ act, view, ...more }); } catch { /* the kernel is gone, and nobody hears it */ } };
  const later = (ms, what) => { const id = setTimeout(() => { timers.delete(id); what(); }, ms); timers.add(id); };
  const put = (node, html) => { const t = document.createElement("template"); t.innerHTML = html; patch(node, t.content); };

  // ── drawing: only what changed, and a part of it each frame: a hundred tiles at once would cost the page a frame or two
  function plan(name) {
    changed.add(name);
    if (!planned) { planned = true; requestAnimationFrame(() => draw(FRAME)); }
  }
  function draw(budget) {
    const until = performance.now() + budget;
    planned = false;
    for (const name of changed) {
      if (performance.now() > until) { plan(name); break; }
      changed.delete(name);
      const value = model.get(name) ?? "";
      if (drawn[name] === value) continue;
      drawn[name] = value;
      const part = place[name] ?? tiles[Number(name.slice(4))];
      put(place[name] ?? part.firstElementChild, value);
      if (!place[name]) film(part);
      tick(part);
    }
    tick(place.counts); // says how long it will take, also while no tile is in view
  }
  function tick(among = root) {
    const now = Date.now() / 1000 + skew;
    for (const node of among.querySelectorAll("[data-at]")) {
      const tile = node.closest(".vg-tile");
      if ((tile && !seen.has(tile)) || opened.contains(node)) continue;
      const text = told(node.dataset, now);
      if (node.textContent !== text) node.textContent = text;
    }
  }

  function hop() {
    hops = (hops + 1) % HOPS;
    for (const tile of seen) {
      const piece = tile.querySelector(".vg-track[data-open] > i"); // 28 % of the track wide
      if (piece) piece.style.transform = `translateX(${(hops * (100 / 0.28 - 100)) / (HOPS - 1)}%)`;
    }
  }

  // ── films: a tile in view has a video over its poster, without bytes until somebody plays it
  function film(tile) {
    const poster = tile.querySelector(".vg-poster"), video = tile.querySelector(":scope > video");
    if (poster && seen.has(tile) && !video) {
      const fresh = document.createElement("video");
      Object.assign(fresh, { preload: "none", poster: poster.src, playsInline: true, tabIndex: -1 });
      fresh.setAttribute("aria-label", poster.alt);
      tile.append(fresh);
    } else if (video && (!poster || !seen.has(tile))) {
      video.remove();
      forget(tile);
    }
  }
  function forget(tile) {
    if (urls.has(tile)) URL.revokeObjectURL(urls.get(tile));
    urls.delete(tile);
  }
  function play(tile) {
    const video = tile.querySelector(":scope > video");
    if (!video) return;
    if (!video.src) { if (!("asked" in video.dataset)) { video.dataset.asked = ""; say("video", { number: tiles.indexOf(tile) }); } }
    else if (video.paused) video.play().catch(() => {});
    else video.pause();
  }

  // ── the card of one clip, under the grid
  async function open(message) {
    shut();
    const manager = model.widget_manager, made = await manager.create_view(await manager.get_model(message.card));
    child = { made, tile: tiles[message.open] };
    child.tile.setAttribute("aria-current", "true");
    opened.hidden = false;
    opened.append(made.el);
    made.trigger?.("displayed");
    opened.scrollIntoView({ block: "nearest" });
  }
  function shut() {
    if (!child) return;
    child.tile.removeAttribute("aria-current");
    child.made.remove();
    child = null;
    opened.hidden = true;
    opened.replaceChildren();
  }

  function receive(message, buffers) {
    if (message.view !== view) return;
    if (message.now !== undefined) {
      const off = message.now - Date.now() / 1000; // a kernel far away may have another clock
      skew = Math.abs(off) > 2 ? off : 0;
      tick();
    } else if (message.open !== undefined) open(message).catch(() => shut());
    else if (message.video !== undefined) {
      const tile = tiles[message.video], video = tile?.querySelector(":scope > video");
      if (!video) return;
      if (!buffers?.length) { video.title = message.words; return; }
      forget(tile);
      urls.set(tile, URL.createObjectURL(new Blob([buffers[0]], { type: "video/mp4" })));
      video.src = urls.get(tile);
      video.controls = true;
      video.play().catch(() => {});
    } else if (message.text !== undefined) {
      const button = place.head.querySelector('button[data-act="code"]');
      if (button) copy(message.text, button).then(done => flash(button, done ? "Copied" : "Copy it from here"));
    }
  }
  function flash(button, words) {
    button.dataset.label ??= button.textContent;
    button.textContent = words;
    later(2000, () => { button.textContent = button.dataset.label; });
  }

  function press(event) {
    if (opened.contains(event.target)) return;
    const tile = event.target.closest(".vg-tile"), button = event.target.closest("button[data-act]");
    if (tile) focus(tile, event.target.closest("video"));
    if (button?.dataset.act === "open") show(tile);
    else if (button) {
      say(button.dataset.act);
      if (button.dataset.act === "stop") button.disabled = true; // an old kernel hears it only when its cell ends
    } else if (tile && event.target.matches("video") && !event.target.controls) play(tile);
    else if (tile && event.detail === 2) show(tile);
  }
  function show(tile) {
    if (child?.tile === tile) shut();
    else if (tile.querySelector(".vg-tilebody")?.hasAttribute("data-made")) say("open", { number: tiles.indexOf(tile) });
  }

  // ── keys: one tile is reached by Tab, arrows go on from there
  function focus(tile, keep) {
    for (const other of tiles) other.tabIndex = other === tile ? 0 : -1;
    if (!keep) tile.focus({ preventScroll: false });
  }
  function neighbour(tile, key) {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    const at = tile.getBoundingClientRect(), far = [];
    for (const other of tiles) {
      const box = other.getBoundingClientRect(), x = (box.x - at.x) * dx, y = (box.y - at.y) * dy;
      const ahead = x + y, aside = dx ? Math.abs(box.y - at.y) : Math.abs(box.x - at.x);
      if (ahead > 1 && aside < (dx ? at.height : at.width) / 2) far.push([ahead, other]);
    }
    return far.sort((a, b) => a[0] - b[0])[0]?.[1];
  }
  // JupyterLab listens on the document in the capture phase, so our keys have to be stopped on the window, before it.
  function key(event) {
    const at = event.target;
    if (!(at instanceof Element) || !root.contains(at) || opened.contains(at) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (at.matches(".vg-copy")) { event.stopPropagation(); return; }
    const tile = at.closest(".vg-tile");
    if (at.matches("button")) { if (event.key === "Enter" || event.key === " ") event.stopPropagation(); if (!tile || !event.key.startsWith("Arrow")) return; }
    if (!tile) return;
    if (event.key.startsWith("Arrow")) { const next = neighbour(tile, event.key); if (next) focus(next); }
    else if (event.key === "Enter") show(tile);
    else if (event.key === " ") play(tile);
    else if (event.key === "Escape" && child) shut();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // A kernel that restarts takes its widgets along: nothing may look alive any more, or promise an end.
  function part() {
    if (gone) return;
    gone = true;
    stop();
    for (const button of root.querySelectorAll(".vg-set button")) button.disabled = true;
    forgetEnds(root);
    const words = "Its kernel is gone. Running this cell again makes only what is missing.";
    place.counts.append(Object.assign(document.createElement("p"), { className: "vg-keep", textContent: words }));
  }

  // ── beginning and end
  root.style.setProperty("--ar", model.get("ratio"));
  put(place.frame, model.get("frame"));
  tiles = [...root.querySelectorAll(".vg-tile")].sort((a, b) => a.dataset.tile - b.dataset.tile);
  for (const tile of tiles) tile.append(document.createElement("div"));
  if (tiles[0]) tiles[0].tabIndex = 0;
  const watcher = new IntersectionObserver(entries => {
    for (const { target, isIntersecting } of entries) { if (isIntersecting) seen.add(target); else seen.delete(target); film(target); }
    stop();
    if (seen.size && !gone) { tick(); ticking = setInterval(tick, 1000); hopping = setInterval(hop, HOP); } // paused when out of view
  });
  const stop = () => { clearInterval(ticking); clearInterval(hopping); };
  const names = [...AROUND, ...tiles.map((_, i) => `tile${i}`)];
  const plans = names.map(name => [name, () => plan(name)]);
  for (const [name, what] of plans) { model.on(`change:${name}`, what); changed.add(name); }
  model.on("msg:custom", receive);
  model.on("comm_live_update", part);
  root.addEventListener("click", press);
  window.addEventListener("keydown", key, true);
  draw(Infinity);
  for (const tile of tiles) watcher.observe(tile);
  say("hello");

  return () => {
    for (const [name, what] of plans) model.off(`change:${name}`, what);
    model.off("msg:custom", receive);
    model.off("comm_live_update", part);
    window.removeEventListener("keydown", key, true);
    watcher.disconnect();
    stop();
    timers.forEach(clearTimeout);
    shut();
    for (const tile of [...urls.keys()]) forget(tile);
    say("bye");
  };
}

export default { render: renderGrid };
