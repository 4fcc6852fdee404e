// The living card. Python renders its parts (card.py); here they are put in place, and what ticks, plays and is pressed comes to life.

const HTML = ["head", "picture", "strip", "body", "foot"];
const PARTS = ["state", "shape", "ratio", "label", "word", "given", ...HTML];
const NB = "\u00a0";
const CONFIRM = 700; // ms after which a second press confirms: before, it is the rest of a double click
const SWAP = 400; // ms in which a finished card is replaced by a static one: bytes asked for sooner would travel for nothing

// The same writing as words.py
export function clock(seconds) {
  const t = Math.max(0, Math.floor(seconds)), two = n => String(n).padStart(2, "0");
  const minutes = Math.floor(t / 60) % 60, hours = Math.floor(t / 3600);
  return hours ? `${hours}:${two(minutes)}:${two(t % 60)}` : `${minutes}:${two(t % 60)}`;
}
export function spell(seconds) {
  const t = Math.max(0, Math.floor(seconds));
  if (t < 60) return `${t}${NB}s`;
  if (t < 3600) return `${Math.floor(t / 60)}${NB}min${NB}${t % 60}${NB}s`;
  return `${Math.floor(t / 3600)}${NB}h${NB}${Math.floor((t % 3600) / 60)}${NB}min`;
}
export function about(seconds) {
  const step = seconds <= 60 ? 5 : seconds <= 600 ? 10 : 60, t = Math.max(5, Math.ceil(seconds / step) * step);
  if (t < 60) return `${t}${NB}s`;
  return t < 3600 ? `${Math.floor(t / 60)}${NB}min` + (t % 60 ? `${NB}${t % 60}${NB}s` : "") : spell(t);
}
const FORMS = { clock: (at, now) => clock(now - at), spell: (at, now) => spell(now - at), until: (at, now) => spell(at - now), about: (at, now) => about(at - now), "": () => "" };
// What the span of a `Tick` says at this moment.
function told({ form, at, before = "", after = "", then }, now) {
  for (const [moment, ...next] of then ? JSON.parse(then) : []) if (now >= moment) [form, at, before, after] = next;
  return before + FORMS[form](Number(at), now) + after;
}

// Bring `old` to the shape of `fresh`, changing only what differs: focus, transitions and a playing video stay.
function patch(old, fresh) {
  const had = [...old.childNodes], want = [...fresh.childNodes];
  want.forEach((node, i) => {
    const one = had[i];
    if (!one) old.append(node);
    else if (one.nodeName !== node.nodeName || one.dataset?.act !== node.dataset?.act) one.replaceWith(node); // never another action under a finger
    else if (node.nodeType !== Node.ELEMENT_NODE) { if (one.data !== node.data) one.data = node.data; }
    else {
      // src and hidden are ours: what plays, and the field a person is typing in
      for (const { name } of [...one.attributes]) if (!node.hasAttribute(name) && name !== "src" && name !== "hidden") one.removeAttribute(name);
      for (const { name, value } of node.attributes) if (name !== "hidden" && one.getAttribute(name) !== value) one.setAttribute(name, value);
      patch(one, node);
    }
  });
  for (const node of had.slice(want.length)) node.remove();
}

// What nobody watches any more has no end that could be told.
function forgetEnds(root) { for (const node of root.querySelectorAll('[data-form="about"]')) node.remove(); }

async function copy(text, beside) {
  try { await navigator.clipboard.writeText(text); return true; } catch { /* no permission, no focus or no https: the old way */ }
  const box = document.createElement("textarea");
  box.className = "vg-in vg-copy"; box.readOnly = true; box.value = text;
  beside.parentElement.querySelector(".vg-copy")?.remove();
  beside.parentElement.append(box);
  box.select();
  if (document.execCommand("copy")) { box.remove(); beside.focus(); return true; }
  return false; // the text stays there, selected
}

function render({ model, el }) {
  const view = Math.random().toString(36).slice(2);
  const root = document.createElement("div");
  root.className = "vg";
  root.innerHTML = `<article class="vg-card"><div class="vg-stage"><div class="vg-pic" data-part="picture"></div><div class="vg-strip" data-part="strip"></div></div>
    <div class="vg-text"><header class="vg-head" data-part="head"></header><div class="vg-body" data-part="body"></div><footer class="vg-foot" data-part="foot"></footer></div></article><div class="vg-sr" role="status"></div>`;
  el.append(root);
  const card = root.firstElementChild, status = root.lastElementChild;
  const place = Object.fromEntries(HTML.map(name => [name, root.querySelector(`[data-part=${name}]`)]));
  const drawn = {}, timers = new Set();
  let seen = false, gone = false, ticking = 0, skew = 0, asked = null, url = null, planned = false;

  const say = (act, more = {}) => { try { model.send({ act, view, ...more }); } catch { /* the kernel is gone, and nobody hears it */ } };
  const later = (ms, what) => { const id = setTimeout(() => { timers.delete(id); what(); }, ms); timers.add(id); };

  function draw() {
    planned = false;
    for (const name of PARTS) {
      const value = model.get(name) ?? "";
      if (drawn[name] === value) continue;
      drawn[name] = value;
      if (place[name]) { const t = document.createElement("template"); t.innerHTML = value; patch(place[name], t.content); }
      else if (name === "ratio") card.style.setProperty("--ar", value);
      else if (name === "label") card.setAttribute("aria-label", value);
      else if (name === "word") status.textContent = value;
      else if (name !== "given") card.dataset[name] = value;
    }
    for (const frame of card.querySelectorAll("img[data-given]")) if (frame.getAttribute("src") !== drawn.given) frame.src = drawn.given;
    tick();
    play();
  }
  const plan = () => { if (!planned) { planned = true; queueMicrotask(draw); } }; // one message changes several parts

  function tick() {
    const now = Date.now() / 1000 + skew;
    for (const node of card.querySelectorAll("[data-at]")) {
      const text = told(node.dataset, now);
      if (node.textContent !== text) node.textContent = text;
    }
  }

  // The bytes are asked from the kernel once the player is in view, and only if the card is still here after the swap.
  function play() {
    const video = card.querySelector("video[data-video]");
    if (!video || !seen || video === asked) return;
    asked = video;
    later(SWAP, () => { if (video.isConnected) say("video", { number: Number(video.dataset.video) }); else asked = null; });
  }
  function receive(message, buffers) {
    if (message.now !== undefined && message.view === view) {
      const off = message.now - Date.now() / 1000; // a kernel far away may have another clock
      skew = Math.abs(off) > 2 ? off : 0;
      tick();
    } else if (message.view !== view) return;
    else if (message.video !== undefined) {
      const video = card.querySelector(`video[data-video="${Number(message.video)}"]`);
      if (!video) return;
      if (!buffers?.length) { video.replaceWith(Object.assign(document.createElement("div"), { className: "vg-wait", textContent: message.words })); return; }
      if (url) URL.revokeObjectURL(url);
      url = URL.createObjectURL(new Blob([buffers[0]], { type: "video/mp4" }));
      video.src = url;
    } else if (message.text !== undefined) {
      const button = card.querySelector(`button[data-act="${message.act === "report" ? "report" : "code"}"]`);
      if (button) copy(message.text, button).then(done => flash(button, done ? "Copied" : "Copy it from here"));
    }
  }
  function flash(button, words) {
    button.dataset.label ??= button.textContent;
    button.textContent = words;
    later(2000, () => { button.textContent = button.dataset.label; });
  }

  function press(event) {
    const prompt = event.target.closest(".vg-prompt");
    if (prompt) prompt.toggleAttribute("data-whole");
    const button = event.target.closest("button[data-act]");
    if (!button || button.disabled) return;
    const { act, ask, sure } = button.dataset;
    if (ask) { button.hidden = true; const form = button.nextElementSibling; form.hidden = false; form.querySelector("input").focus(); return; }
    if (sure && !("armed" in button.dataset)) { arm(button, sure, event.timeStamp + CONFIRM); return; }
    if (sure && event.timeStamp < Number(button.dataset.armed)) return;
    say(act);
    if (act === "code" || act === "report") return;
    button.disabled = true; // an old kernel hears it only when its cell ends: show at once that it was pressed
    later(3000, () => { button.disabled = false; });
  }
  function arm(button, words, from) {
    const line = button.querySelector("span"), before = line.textContent;
    button.dataset.armed = from; line.textContent = words;
    const disarm = () => { delete button.dataset.armed; line.textContent = before; button.removeEventListener("blur", disarm); };
    button.addEventListener("blur", disarm);
    later(6000, disarm);
  }
  function submit(event) {
    event.preventDefault();
    const text = event.target.querySelector("input").value.trim();
    if (text) say(event.target.dataset.act, { argument: text });
    close(event.target);
  }
  function close(form) { form.hidden = true; form.previousElementSibling.hidden = false; form.previousElementSibling.focus(); }

  // JupyterLab listens on the document in the capture phase, so our keys have to be stopped on the window, before it.
  function key(event) {
    const at = event.target;
    if (!(at instanceof Element) || !card.contains(at) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (at.matches("input, textarea")) {
      event.stopPropagation();
      if (event.key === "Escape" && at.form) close(at.form);
      return;
    }
    if (event.key === "Enter" && event.repeat) event.preventDefault(); // held down, it is one press
    if (event.key === "Enter" || (event.key === " " && at.matches("button, a"))) { event.stopPropagation(); return; }
    const video = card.querySelector("video[src]");
    if (!video) return;
    const step = { ArrowLeft: -1, ArrowRight: 1, ",": -1 / 24, ".": 1 / 24 }[event.key];
    if (step) { if (Math.abs(step) < 1) video.pause(); video.currentTime = Math.max(0, Math.min(video.currentTime + step, video.duration || 0)); }
    else if (event.key === " ") { if (video.paused) video.play(); else video.pause(); }
    else if (event.key === "l") video.loop = !video.loop;
    else if (event.key === "f") { if (document.fullscreenElement) document.exitFullscreen(); else video.requestFullscreen?.(); }
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // A kernel that restarts takes its widgets along. Where they were not replaced before, nothing may look alive any more.
  function part() {
    if (gone || ["succeeded", "failed", "refused"].includes(drawn.state)) return;
    gone = true;
    clearInterval(ticking);
    forgetEnds(card);
    card.dataset.gone = "";
    for (const button of card.querySelectorAll("button, input")) button.disabled = true;
    const words = Object.assign(document.createElement("span"), { className: "vg-keep", textContent: "Its kernel is gone. In another one, " });
    const code = text => Object.assign(document.createElement("code"), { textContent: text });
    words.append(code("vg.resume()"), " goes on without a new charge, ", code("vg.history()"), " shows it.");
    place.foot.append(words);
  }

  const watcher = new IntersectionObserver(entries => {
    seen = entries[entries.length - 1].isIntersecting;
    clearInterval(ticking);
    if (seen && !gone) { tick(); play(); ticking = setInterval(tick, 1000); } // paused when out of view
  });
  for (const name of PARTS) model.on(`change:${name}`, plan);
  model.on("msg:custom", receive);
  model.on("comm_live_update", part);
  root.addEventListener("click", press);
  root.addEventListener("submit", submit);
  window.addEventListener("keydown", key, true);
  watcher.observe(root);
  draw();
  say("hello");

  return () => {
    for (const name of PARTS) model.off(`change:${name}`, plan);
    model.off("msg:custom", receive);
    model.off("comm_live_update", part);
    window.removeEventListener("keydown", key, true);
    watcher.disconnect();
    clearInterval(ticking);
    timers.forEach(clearTimeout);
    if (url) URL.revokeObjectURL(url);
    say("bye");
  };
}

export default { render };
