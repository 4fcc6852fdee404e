// The living history. Python searches and renders the tiles (history_live.py, gallery.py); here are the fields, which are never
// drawn anew, so that nothing that is typed is lost.

const TYPING = 200; // ms after the last letter until it is searched for
const SLOW = 1000; // ms without an answer until that is said: an old kernel hears it only when its cell ends
const EDITING = ["Enter", "Backspace", "Delete", "a", "c", "v", "x", "y", "z"]; // with Ctrl these are of a text field, not of the notebook

function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function render({ model, el }) {
  const view = Math.random().toString(36).slice(2);
  const text = make("input", { className: "vg-in", type: "search", maxLength: 2000, autocomplete: "off", spellcheck: false, placeholder: "Search prompts and notes", "aria-label": "Search prompts and notes" });
  const provider = make("select", { className: "vg-in", "aria-label": "Provider" });
  const status = make("select", { className: "vg-in", "aria-label": "State" });
  const count = make("span", { className: "vg-found", role: "status" });
  const only = make("div", { className: "vg-only" });
  const trouble = make("div", { className: "vg-amiss", role: "alert" });
  const tiles = make("div", { className: "vg-gallery", role: "list", "aria-label": "Clips" });
  const place = make("span", { className: "vg-place" });
  const previous = make("button", { className: "vg-btn", type: "button" }, "Previous");
  const next = make("button", { className: "vg-btn", type: "button" }, "Next");
  const turning = make("div", { className: "vg-turn" }, place, previous, next);
  const section = make("section", { className: "vg-history", "aria-label": "History" }, make("div", { className: "vg-find" }, text, provider, status, count), only, trouble, tiles, turning);
  const card = make("div", { className: "vg-opened-hit", role: "listitem" }); // of one clip, in the gallery while it is open
  const root = make("div", { className: "vg", "data-wide": "" }, section);
  el.append(root);

  const drawn = {}, timers = {};
  const pristine = new WeakMap(); // a tile: as it came
  let turn = 0, wanted = null, typing = false, composing = false, planned = false, gone = false, child = null;

  const say = (act, more = {}) => { try { model.send({ act, view, ...more }); } catch { /* the kernel is gone, and nobody hears it */ } };
  const after = (name, ms, what) => { clearTimeout(timers[name]); timers[name] = setTimeout(what, ms); };
  const question = () => wanted ?? JSON.parse(model.get("question"));
  const fields = () => ({ text: text.value, provider: provider.value, status: status.value });
  const asked = said => Object.entries(fields()).every(([name, value]) => said[name] === value);

  // ── asking ──
  function ask(page = 1) {
    if (gone) return;
    clearTimeout(timers.typing);
    typing = false;
    turn += 1;
    wanted = { ...fields(), page };
    say("look", { turn, ...wanted });
    after("slow", SLOW, () => { count.textContent = "searching"; });
  }
  function typed() {
    if (composing) return; // what an input method proposes is not meant yet
    typing = true;
    after("typing", TYPING, () => ask());
  }
  function go(by) {
    const said = question(), { pages } = JSON.parse(model.get("question"));
    ask(asked(said) ? Math.min(Math.max(1, said.page + by), pages) : 1);
  }

  // ── drawing ──
  function changed(name) {
    const value = model.get(name) ?? "";
    if (drawn[name] === value) return false;
    drawn[name] = value;
    return true;
  }
  function choices(select, name, all) {
    if (!changed(name)) return;
    const chosen = select.value;
    select.replaceChildren(...[["", all], ...JSON.parse(drawn[name])].map(([value, words]) => make("option", { value }, words)));
    select.value = chosen;
  }
  function gallery() {
    if (!changed("tiles")) return;
    const template = document.createElement("template");
    template.innerHTML = drawn.tiles;
    const had = new Set(tiles.querySelectorAll(":scope > :not(.vg-opened-hit)"));
    const fresh = [...template.content.children].map(one => { // a tile that stays is not loaded anew: its picture would flash
      const kept = [...had].find(other => pristine.get(other).isEqualNode(one));
      if (!kept) pristine.set(one, one.cloneNode(true)); // while it is in the template, where nothing is loaded
      had.delete(kept);
      return kept ?? one;
    });
    const held = tiles.contains(document.activeElement) ? document.activeElement.dataset.clip : null;
    tiles.replaceChildren(...fresh);
    if (held) (tile(held) ?? text).focus({ preventScroll: true });
    if (child) insert();
  }
  const tile = id => [...tiles.querySelectorAll(":scope > .vg-hit > [data-clip]")].find(button => button.dataset.clip === id);

  function draw() {
    planned = false;
    if (gone) return;
    if (model.get("answered") === `${view} ${turn}`) { wanted = null; clearTimeout(timers.slow); }
    choices(provider, "providers", "all providers");
    choices(status, "states", "all states");
    gallery();
    const said = JSON.parse(model.get("question"));
    if (!wanted && !typing && !composing) { // what another view of this history searched for
      if (text !== document.activeElement && text.value !== said.text) text.value = said.text;
      provider.value = said.provider;
      status.value = said.status;
    }
    if (!wanted) count.textContent = model.get("count");
    place.textContent = model.get("place");
    trouble.textContent = model.get("trouble");
    only.textContent = model.get("only");
    for (const words of [trouble, only]) words.hidden = !words.textContent;
    tiles.hidden = !drawn.tiles;
    turning.hidden = !place.textContent;
    const at = document.activeElement;
    previous.disabled = said.page <= 1;
    next.disabled = said.page >= said.pages;
    if (at === next && next.disabled) previous.focus(); // the keyboard is not left nowhere at the last page
    if (at === previous && previous.disabled) next.focus();
  }
  const plan = () => { if (!planned) { planned = true; queueMicrotask(draw); } }; // one message changes several parts

  // ── the card of one clip, under the row of its tile ──
  async function open(message) {
    shut();
    const manager = model.widget_manager, made = await manager.create_view(await manager.get_model(message.card));
    child = { made, id: message.open };
    card.append(made.el);
    insert();
    made.trigger?.("displayed");
    card.scrollIntoView({ block: "nearest" });
  }
  function insert() {
    const button = tile(child.id);
    if (!button) { shut(); return; } // it is not on this page
    button.setAttribute("aria-expanded", "true");
    button.parentElement.after(card);
  }
  function shut() {
    if (!child) return;
    tile(child.id)?.removeAttribute("aria-expanded");
    child.made.remove();
    child = null;
    card.remove();
    card.replaceChildren();
  }
  function receive(message) {
    if (message.view === view && message.open !== undefined) open(message).catch(() => shut());
  }
  function press(event) {
    const button = event.target.closest("[data-act=open]");
    if (!button || gone) return;
    if (child?.id === button.dataset.clip) shut();
    else say("open", { clip: button.dataset.clip });
  }

  // JupyterLab listens on the document in the capture phase, so our keys have to be stopped on the window, before it.
  function key(event) {
    const at = event.target, plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!(at instanceof Element) || !section.contains(at) || card.contains(at)) return;
    if (at === text) {
      if (plain || EDITING.includes(event.key.length === 1 ? event.key.toLowerCase() : event.key)) event.stopPropagation();
      if (event.key === "Enter" && !event.isComposing) ask(); // the same words once more: what is new since
    } else if (at.matches("select")) {
      if (event.key !== "Tab" && (plain || event.altKey || event.key === "Enter")) event.stopPropagation();
    } else if (event.key === "Enter" || (event.key === " " && plain)) {
      event.stopPropagation();
    } else if (event.key === "Escape" && child) {
      event.stopPropagation();
      shut();
    }
  }

  // A kernel that restarts takes its widgets along. Where they were not replaced before, nothing may look alive any more.
  function part() {
    if (gone) return;
    gone = true;
    for (const control of [text, provider, status, previous, next, ...tiles.querySelectorAll("button")]) control.disabled = true;
    clearTimeout(timers.slow);
    trouble.textContent = "Its kernel is gone. Run this cell again (free) to search.";
    trouble.hidden = false;
  }

  const names = ["tiles", "count", "place", "trouble", "only", "question", "providers", "states", "answered"];
  for (const name of names) model.on(`change:${name}`, plan);
  model.on("msg:custom", receive);
  model.on("comm_live_update", part);
  text.addEventListener("input", typed);
  text.addEventListener("compositionstart", () => { composing = true; clearTimeout(timers.typing); });
  text.addEventListener("compositionend", () => { composing = false; typed(); });
  for (const select of [provider, status]) select.addEventListener("change", () => ask());
  previous.addEventListener("click", () => go(-1));
  next.addEventListener("click", () => go(1));
  tiles.addEventListener("click", press);
  window.addEventListener("keydown", key, true);
  draw();
  say("hello");

  return () => {
    for (const name of names) model.off(`change:${name}`, plan);
    model.off("msg:custom", receive);
    model.off("comm_live_update", part);
    window.removeEventListener("keydown", key, true);
    shut();
    if (typing) ask(); // a view that takes its place has it
    for (const timer of Object.values(timers)) clearTimeout(timer);
    say("bye");
  };
}

export default { render };
