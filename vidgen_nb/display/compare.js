// The comparison. Python renders heads, boxes and rows (compare.py); here are the strip, the opinions, and the one clock of all players.

const LETTERS = "ABCDEF";
const FAR = 0.3; // seconds apart: too far to catch up by playing faster
const NEAR = 0.004; // seconds apart: as good as together
const TYPING = 800; // ms after the last letter of a note until it is kept
const ICONS = { // 14 × 14
  play: "M4 2.5v9l7.5-4.5z",
  pause: "M3.5 2.5h2.6v9H3.5zM7.9 2.5h2.6v9H7.9z",
  loop: "M10.4 1 13 3.4l-2.6 2.4V4.2H5A2.2 2.2 0 0 0 2.8 6.4v.4H1.2v-.4A3.8 3.8 0 0 1 5 2.6h5.4zM3.6 13 1 10.6l2.6-2.4v1.6H9a2.2 2.2 0 0 0 2.2-2.2v-.4h1.6v.4A3.8 3.8 0 0 1 9 11.4H3.6z",
  mute: "M1 5h2.4L7 2v10L3.4 9H1zM8.9 5.2l.9-.9L11 5.6l1.2-1.3.9.9L11.9 6.5 13.1 7.8l-.9.9L11 7.4 9.8 8.7l-.9-.9 1.2-1.3z",
  sound: "M1 5h2.4L7 2v10L3.4 9H1zM9 4.2c1.6 1.2 1.6 4.4 0 5.6zM10.6 2.6c3 2.2 3 6.6 0 8.8l-.6-.9c2.2-1.8 2.2-5.2 0-7z",
  full: "M1.5 1.5h4V3H3v2.5H1.5zM8.5 1.5h4v4H11V3H8.5zM1.5 8.5H3V11h2.5v1.5h-4zM11 8.5h1.5v4h-4V11H11z",
};

function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node && name !== "list") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}
function icon(label, shape) {
  const button = make("button", { className: "vg-icon", type: "button" });
  button.append(document.createElementNS("http://www.w3.org/2000/svg", "svg"));
  draw(button, label, shape);
  return button;
}
function draw(button, label, shape) {
  const svg = button.firstElementChild;
  svg.setAttribute("viewBox", "0 0 14 14");
  svg.setAttribute("aria-hidden", "true");
  const path = svg.firstElementChild ?? svg.appendChild(document.createElementNS(svg.namespaceURI, "path"));
  path.setAttribute("d", ICONS[shape]);
  button.title = label;
  button.setAttribute("aria-label", label);
}
export function tenths(seconds) { // as words.clock, with a tenth
  const t = Math.max(0, Math.floor(seconds * 10 + 1e-6)) / 10, minutes = Math.floor(t / 60);
  return `${minutes}:${(t - minutes * 60).toFixed(1).padStart(4, "0")}`;
}

// One clock for several players. They run by themselves; whoever is a little ahead or behind plays slower or faster until it is not.
export class Together {
  constructor(tell) {
    this.tell = tell; // called when something is to be shown anew
    this.players = new Map(); // number of the clip: its video
    this.time = 0;
    this.playing = false;
    this.loop = false;
    this.turn = 0; // what was asked for last; an older request gives up
    this.frame = 0;
  }
  get all() { return [...this.players.values()]; }
  get lead() { return this.all.reduce((long, video) => (!long || video.duration > long.duration + 1e-3 ? video : long), null); }
  get duration() { return this.lead?.duration || 0; }
  get rate() { return Math.max(1, ...this.all.map(video => Number(video.dataset.fps) || 0)); } // frames a second

  add(number, video) {
    this.players.set(number, video);
    video.muted = true;
    this.place(video, this.time);
    if (this.playing) this.play(); else this.tell();
  }
  remove(number) { this.players.get(number)?.pause(); this.players.delete(number); }

  last(video) { return Math.max(0, (video.duration || 0) - 0.5 / this.rate); } // in the middle of the last frame
  place(video, time) {
    const at = Math.min(Math.max(0, time), this.last(video));
    if (Math.abs(video.currentTime - at) > 1e-4) video.currentTime = at;
    video.playbackRate = 1;
  }
  seek(time) {
    this.time = Math.min(Math.max(0, time), this.lead ? this.last(this.lead) : 0);
    for (const video of this.all) this.place(video, this.time);
    if (this.playing) this.play(); else this.tell();
  }
  step(frames) {
    this.pause();
    const now = Math.floor(this.time * this.rate + 1e-3);
    this.seek((now + frames + 0.5) / this.rate);
  }
  pause() {
    this.turn += 1;
    cancelAnimationFrame(this.frame);
    if (this.playing && this.lead && this.running) this.time = this.lead.currentTime;
    this.playing = this.running = false;
    for (const video of this.all) video.pause();
    for (const video of this.all) this.place(video, this.time);
    this.tell();
  }
  async play() {
    const turn = ++this.turn;
    cancelAnimationFrame(this.frame);
    this.playing = true;
    if (!this.lead) { this.playing = false; this.tell(); return; }
    if (this.running) { this.time = this.lead.currentTime; this.running = false; }
    if (this.time >= this.last(this.lead) - 1e-3) this.time = 0;
    for (const video of this.all) { video.pause(); this.place(video, this.time); }
    this.tell();
    await Promise.all(this.all.map(ready));
    if (turn !== this.turn) return;
    const going = this.all.filter(video => this.time < this.last(video));
    await Promise.allSettled(going.map(video => video.play()));
    if (turn !== this.turn) return;
    if (this.lead.paused) { this.pause(); return; } // the browser did not let it play
    this.running = true;
    this.tick(turn);
  }
  tick(turn) {
    if (turn !== this.turn) return;
    const lead = this.lead;
    if (lead.ended || lead.currentTime >= lead.duration - 1e-3) { this.finish(); return; }
    this.time = lead.currentTime;
    for (const video of this.all) {
      if (video === lead || video.paused || video.ended) continue;
      const off = lead.currentTime - video.currentTime;
      if (Math.abs(off) > FAR && lead.currentTime < this.last(video)) { this.play(); return; } // all wait for each other, and start anew
      const speed = Math.abs(off) < NEAR ? 1 : 1 + Math.min(0.25, Math.max(-0.25, off * 5));
      if (Math.abs(video.playbackRate - speed) > 0.01) video.playbackRate = speed;
    }
    this.tell();
    this.frame = requestAnimationFrame(() => this.tick(turn));
  }
  finish() {
    this.running = false;
    this.time = this.last(this.lead);
    if (this.loop) { this.time = 0; this.play(); } else this.pause();
  }
  toggle() { if (this.playing) this.pause(); else this.play(); }
}

// Until the picture of this moment is there and more can follow; a player that never gets there must not hold the others.
function ready(video) {
  const fine = () => !video.seeking && video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA;
  if (fine() || video.error) return Promise.resolve();
  return new Promise(done => {
    const events = ["seeked", "canplay", "canplaythrough", "error"];
    const end = () => { clearTimeout(limit); for (const name of events) video.removeEventListener(name, look); done(); };
    const look = () => { if (fine() || video.error) end(); };
    const limit = setTimeout(end, 3000);
    for (const name of events) video.addEventListener(name, look);
  });
}

function render({ model, el }) {
  const view = Math.random().toString(36).slice(2);
  const say = (act, more = {}) => { try { model.send({ act, view, ...more }); } catch { /* the kernel is gone, and nobody hears it */ } };
  const count = JSON.parse(model.get("opinions")).length, numbers = [...Array(count).keys()];
  const urls = new Map(), asked = new Set(), typing = new Map(), drawn = {};
  let seen = false;

  // ── what stands where ──
  const part = (...children) => make("div", { className: "vg-part" }, ...children);
  const heads = part(), rows = part(), opinions = part();
  const play = icon("Play (space)", "play"), loop = icon("Loop (l)", "loop"), sound = icon("Sound", "mute"), full = icon("Full screen (f)", "full");
  const scrub = make("input", { className: "vg-scrub", type: "range", min: 0, max: 1000, step: 1, value: 0, "aria-label": "Position" });
  const time = make("span", { className: "vg-time" }, make("b"), document.createTextNode(""));
  const heard = make("span", { className: "vg-heard", "aria-hidden": "true" });
  loop.setAttribute("aria-pressed", "false");
  const strip = make("div", { className: "strip" }, make("div", { className: "vg-strip" }, play, scrub, time, loop, sound, heard, full));
  const grid = make("div", { className: "vg-cmp" }, heads, part(strip), rows, opinions);
  grid.style.setProperty("--cols", count);
  const trouble = make("div", { className: "vg-trouble", hidden: true });
  const unsaved = make("div", { className: "vg-unsaved", hidden: true }, "Run this cell again (free) to save this in the notebook."), status = make("div", { className: "vg-sr", role: "status" });
  const board = make("section", { className: "vg-compare", tabIndex: -1, "aria-label": "Compare" }, make("div", { className: "vg-scroll" }, grid), trouble, unsaved);
  const root = make("div", { className: "vg", "data-wide": "" }, board, status);
  el.append(root);

  const together = new Together(show);
  let listening = -1; // the clip whose sound is heard

  function show() {
    const { duration, time: at, playing } = together;
    scrub.disabled = play.disabled = !together.players.size;
    scrub.value = duration ? Math.round((at / duration) * 1000) : 0;
    scrub.style.setProperty("--p", duration ? (100 * at) / duration : 0);
    time.firstChild.textContent = tenths(at);
    time.lastChild.data = ` / ${tenths(duration)}`;
    scrub.setAttribute("aria-valuetext", `${tenths(at)} of ${tenths(duration)}`);
    const shape = playing ? "pause" : "play";
    if (drawn.shape !== shape) { drawn.shape = shape; draw(play, playing ? "Pause (space)" : "Play (space)", shape); }
  }
  function setLoop() {
    together.loop = !together.loop;
    loop.setAttribute("aria-pressed", together.loop);
  }
  function setSound() { // off, then each clip in turn: two at once would be heard as one
    const able = [...together.players.keys()].sort();
    listening = able[able.indexOf(listening) + 1] ?? -1;
    for (const [number, video] of together.players) video.muted = number !== listening;
    const words = listening < 0 ? "Sound" : `Sound of ${LETTERS[listening]}`;
    draw(sound, words, listening < 0 ? "mute" : "sound");
    heard.textContent = LETTERS[listening] ?? "";
    status.textContent = listening < 0 ? "Sound off" : words;
  }
  function setFull() { if (document.fullscreenElement) document.exitFullscreen(); else board.requestFullscreen?.(); }

  // ── parts from Python ──
  function html(name, place) {
    const value = model.get(name) ?? "";
    if (drawn[name] === value) return false;
    drawn[name] = value;
    const template = document.createElement("template");
    template.innerHTML = value;
    place.replaceChildren(template.content);
    return true;
  }
  function update() {
    if (html("heads", heads)) [...heads.children].at(-1).classList.add("end");
    if (html("rows", rows)) for (const cell of ends(rows)) cell.classList.add("end");
    const boxes = heads.querySelectorAll("[data-box]"), ratios = model.get("ratios");
    for (const number of numbers) {
      boxes[number].style.setProperty("--ar", ratios[number]);
      if (html(`box${number}`, boxes[number])) { together.remove(number); asked.delete(number); }
    }
    judge();
    fetchAll();
    show();
  }
  const ends = place => [...place.children].filter((cell, index, all) => !cell.matches(".k, .same") && (all[index + 1]?.matches(".k") ?? true));

  // ── opinions ──
  const fields = numbers.map(number => {
    const letter = LETTERS[number];
    const radios = [1, 2, 3, 4, 5].map(value => make("input", { type: "radio", name: `vg-rate-${view}-${number}`, value, "aria-label": `${value} of 5` }));
    const rate = make("span", { className: "vg-rate", role: "radiogroup", "aria-label": `Rating of ${letter}` }, ...radios.map(radio => make("label", {}, radio, radio.value)));
    rate.dataset.clip = number;
    const win = make("input", { type: "radio", name: `vg-win-${view}` });
    const note = make("input", { className: "vg-in", type: "text", placeholder: "Add a note", maxLength: 2000, autocomplete: "off", "aria-label": `Note on ${letter}` });
    rate.addEventListener("change", event => say("rate", { clip: number, rating: Number(event.target.value) }));
    win.addEventListener("change", () => { say("winner", { clip: number }); unsaved.hidden = false; });
    note.addEventListener("input", () => { clearTimeout(typing.get(number)); typing.set(number, setTimeout(() => keep(number), TYPING)); });
    note.addEventListener("change", () => keep(number));
    return { radios, rate, win, note, letter, kept: "" };
  });
  function keep(number) {
    clearTimeout(typing.get(number));
    typing.delete(number);
    const field = fields[number];
    if (field.note.value === field.kept) return;
    field.kept = field.note.value;
    say("note", { clip: number, note: field.kept });
  }
  const label = words => make("span", { className: "k" }, words);
  opinions.append(label("rating"), ...fields.map(field => make("span", {}, field.rate)));
  opinions.append(label("winner"), ...fields.map(field => make("span", {}, make("label", { className: "vg-win" }, field.win, `${field.letter} wins`))));
  opinions.append(label("note"), ...fields.map(field => make("span", {}, field.note)));
  for (const cell of ends(opinions)) cell.classList.add("end");
  function judge() {
    const said = JSON.parse(model.get("opinions")), winner = model.get("winner");
    fields.forEach((field, number) => {
      for (const radio of field.radios) radio.checked = Number(radio.value) === said[number].rating;
      for (const input of [...field.radios, field.win, field.note]) input.disabled = !said[number].settled;
      field.win.checked = number === winner;
      if (field.note !== root.getRootNode().activeElement && !typing.has(number)) field.note.value = field.kept = said[number].note;
    });
  }

  // ── the bytes, once the comparison is in view ──
  function fetchAll() {
    if (!seen) return;
    for (const number of numbers) {
      if (!asked.has(number) && heads.querySelector(`[data-box="${LETTERS[number]}"] video`)) { asked.add(number); say("video", { clip: number }); }
    }
  }
  function receive(message, buffers) {
    if (message.kept !== undefined) {
      trouble.hidden = !message.words;
      trouble.textContent = message.words ? `${LETTERS[message.kept]}: ${message.words}` : "";
      status.textContent = message.words || `Kept: ${LETTERS[message.kept]}`;
      unsaved.hidden &&= Boolean(message.words);
      return;
    }
    if (message.view !== view || message.video === undefined) return;
    const number = Number(message.video), video = heads.querySelector(`[data-box="${LETTERS[number]}"] video`);
    if (!video) return;
    if (!buffers?.length) { video.replaceWith(make("div", { className: "vg-wait" }, message.words)); return; }
    if (urls.has(number)) URL.revokeObjectURL(urls.get(number));
    urls.set(number, URL.createObjectURL(new Blob([buffers[0]], { type: "video/mp4" })));
    video.addEventListener("loadeddata", () => { if (video.isConnected) together.add(number, video); }, { once: true });
    video.addEventListener("error", () => video.replaceWith(make("div", { className: "vg-wait" }, "This browser cannot play it.")), { once: true });
    video.playsInline = video.muted = true;
    video.src = urls.get(number);
  }

  // ── pressing ──
  play.addEventListener("click", () => together.toggle());
  loop.addEventListener("click", setLoop);
  sound.addEventListener("click", setSound);
  full.addEventListener("click", setFull);
  let resume = false; // it played when the scrubber was taken
  scrub.addEventListener("input", () => {
    const to = (scrub.value / 1000) * together.duration;
    resume ||= together.playing;
    together.pause();
    together.seek(to);
  });
  scrub.addEventListener("change", () => { if (resume) together.play(); resume = false; });
  heads.addEventListener("click", event => { if (event.target.closest("video")) { board.focus({ preventScroll: true }); together.toggle(); } });

  // JupyterLab listens on the document in the capture phase, so our keys have to be stopped on the window, before it.
  function key(event) {
    const at = event.target;
    if (!(at instanceof Element) || !board.contains(at) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (at.matches("input[type=text]")) { event.stopPropagation(); if (event.key === "Enter") keep(fields.findIndex(field => field.note === at)); return; }
    if (event.key === "Tab") return;
    if (event.key === "Enter" || (event.key === " " && at.matches("button, input[type=radio]"))) { event.stopPropagation(); return; }
    const rate = at.closest(".vg-rate");
    if (rate && /^[1-5]$/.test(event.key)) rate.querySelectorAll("input")[event.key - 1].click();
    else if (at.matches("input[type=radio]") && event.key.startsWith("Arrow")) { event.stopPropagation(); return; } // the browser's own
    else if (event.key === " ") together.toggle();
    else if (event.key === "ArrowLeft" || event.key === "ArrowRight") together.seek(together.time + (event.key === "ArrowLeft" ? -1 : 1));
    else if (event.key === "," || event.key === ".") together.step(event.key === "," ? -1 : 1);
    else if (event.key === "l") setLoop();
    else if (event.key === "f") setFull();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  const names = ["heads", "rows", "ratios", "opinions", "winner", ...numbers.map(number => `box${number}`)];
  let planned = false;
  const plan = () => { if (!planned) { planned = true; queueMicrotask(() => { planned = false; update(); }); } }; // one message changes several parts
  const watcher = new IntersectionObserver(entries => { seen = entries.at(-1).isIntersecting; fetchAll(); });
  for (const name of names) model.on(`change:${name}`, plan);
  model.on("msg:custom", receive);
  window.addEventListener("keydown", key, true);
  watcher.observe(root);
  update();

  return () => {
    for (const name of names) model.off(`change:${name}`, plan);
    model.off("msg:custom", receive);
    window.removeEventListener("keydown", key, true);
    watcher.disconnect();
    together.pause();
    for (const number of [...typing.keys()]) keep(number);
    for (const url of urls.values()) URL.revokeObjectURL(url);
  };
}

export default { render };
