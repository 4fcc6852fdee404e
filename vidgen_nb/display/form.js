// The lower part of a form. Python renders its three parts (form_board.py); here they are put in place, and what is
// pressed is told. The fields above are ipywidgets: what those leave without a name or a role gets one here.

const PARTS = ["line", "buttons", "tiles"];
const SETTLE = 700; // ms after an answer, in which a press is the rest of the one before: by then another button may stand there
const PAID = ["generate", "take"];

async function copy(text, beside) {
  try { await navigator.clipboard.writeText(text); return true; } catch { /* no permission, no focus or no https: the old way */ }
  const box = document.createElement("textarea");
  box.className = "vg-in vg-copy"; box.readOnly = true; box.value = text;
  box.setAttribute("aria-label", "the code to copy");
  beside.querySelector(".vg-copy")?.remove();
  beside.append(box);
  box.select();
  if (document.execCommand("copy")) { box.remove(); return true; }
  return false; // the text stays there, selected
}

function attribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

// Names, roles and states for the controls of a form.
function tend(form) {
  attribute(form, "role", "form");
  attribute(form, "aria-label", "Ask for a clip");
  for (const row of form.querySelectorAll(".vg-field")) {
    const label = row.querySelector(".widget-label")?.textContent ?? "", wrong = row.classList.contains("vg-wrong");
    for (const group of row.querySelectorAll(".widget-toggle-buttons > div")) {
      attribute(group, "role", "group");
      attribute(group, "aria-label", label);
      for (const button of group.children) attribute(button, "aria-pressed", String(button.classList.contains("mod-active")));
    }
    for (const handle of row.querySelectorAll(".noUi-handle")) {
      attribute(handle, "aria-label", label);
      attribute(handle, "aria-valuetext", row.querySelector(".widget-readout")?.textContent ?? "");
    }
    // a slider of choices takes nothing typed here, though ipywidgets lets one try
    for (const readout of row.querySelectorAll(".widget-readout")) attribute(readout, "contenteditable", "false");
    for (const input of row.querySelectorAll("input, textarea, select")) {
      attribute(input, "aria-invalid", String(wrong));
      if (![...(input.labels ?? [])].some(named => named.textContent)) attribute(input, "aria-label", input.placeholder || label);
    }
  }
  for (const header of form.querySelectorAll(".jupyter-widget-Collapse-header")) {
    attribute(header, "role", "button");
    attribute(header, "tabindex", "0");
    attribute(header, "aria-expanded", String(header.parentElement.classList.contains("jupyter-widget-Collapse-open")));
  }
  // Keys are the form's, else arrows on a slider move the notebook. It has to be said on each place that has the focus.
  for (const place of form.querySelectorAll("button, input, select, textarea, [tabindex]")) attribute(place, "data-lm-suppress-shortcuts", "true");
}

function render({ model, el }) {
  const view = Math.random().toString(36).slice(2);
  const root = document.createElement("div");
  root.className = "vg-board";
  root.innerHTML = `<div class="vg-bar"><div class="vg-cost" role="status" data-part="line"></div><div class="vg-buttons" data-part="buttons"></div></div>
    <div class="vg-last" role="list" aria-label="Last results" data-part="tiles"></div>`;
  el.append(root);
  const place = Object.fromEntries(PARTS.map(name => [name, root.querySelector(`[data-part=${name}]`)]));
  let form = null, waiting = null, planned = 0, quiet = 0;

  const say = (act, clip = "") => { try { model.send({ act, view, clip }); } catch { /* the kernel is gone, and nobody hears it */ } };

  function draw(name) {
    const box = place[name], value = model.get(name);
    const held = root.contains(document.activeElement) ? document.activeElement.dataset : null;
    box.innerHTML = value;
    box.hidden = !value;
    if (held && !root.contains(document.activeElement)) { // the button under the finger was drawn anew
      const same = [...box.querySelectorAll("[data-act]")].find(b => b.dataset.act === held.act && b.dataset.clip === held.clip);
      (same ?? box.querySelector("[data-act]"))?.focus();
    }
  }

  // What was typed last may still wait to be sent, because a control sends one change at a time. So first a fence goes
  // there and back: what was typed before it is known in the kernel when the click is.
  function press(event) {
    const button = event.target.closest("button[data-act]");
    if (!button || button.disabled || waiting) return;
    if (PAID.includes(button.dataset.act) && event.timeStamp < quiet) { quiet = event.timeStamp + SETTLE; return; }
    waiting = { act: button.dataset.act, clip: button.dataset.clip ?? "" };
    button.dataset.pressed = ""; // an old kernel hears it only when its cell ends: show at once that it was pressed
    say("fence");
  }
  async function receive(message) {
    if (message.view !== view) return;
    if (message.act === "fence" && waiting && !waiting.sent) {
      waiting.sent = true;
      setTimeout(() => say(waiting.act, waiting.clip), 0);
      return;
    }
    if (PAID.includes(waiting?.act)) quiet = performance.now() + SETTLE;
    waiting = null;
    for (const button of root.querySelectorAll("[data-pressed]")) delete button.dataset.pressed;
    if (message.act !== "code" || !message.text) return;
    const button = root.querySelector("[data-act=code]"), before = button?.textContent;
    const done = await copy(message.text, root.querySelector(".vg-bar"));
    if (!button) return;
    button.textContent = done ? "Copied" : "Copy it from here";
    setTimeout(() => { if (button.isConnected) button.textContent = before; }, 2000);
  }

  const once = event => { if (event.repeat && event.key === "Enter") event.preventDefault(); }; // held down, it pays once

  function toggle(event) {
    if ((event.key === "Enter" || event.key === " ") && event.target.matches(".jupyter-widget-Collapse-header")) {
      event.preventDefault();
      event.target.click();
    }
  }
  const changed = new MutationObserver(() => { planned ||= requestAnimationFrame(() => { planned = 0; if (form) tend(form); }); });
  const attached = new ResizeObserver(() => { // the form around us is there only once the page has put it together
    const found = el.closest(".vg-form");
    if (!found || found === form) return;
    form = found;
    tend(form);
    form.addEventListener("keydown", toggle);
    changed.observe(form, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["class"] });
  });
  const listeners = PARTS.map(name => { const listener = () => draw(name); model.on(`change:${name}`, listener); draw(name); return [name, listener]; });
  model.on("msg:custom", receive);
  root.addEventListener("click", press);
  root.addEventListener("keydown", once);
  attached.observe(root);

  return () => {
    for (const [name, listener] of listeners) model.off(`change:${name}`, listener);
    model.off("msg:custom", receive);
    attached.disconnect();
    changed.disconnect();
    cancelAnimationFrame(planned);
    form?.removeEventListener("keydown", toggle);
  };
}

export default { render };
