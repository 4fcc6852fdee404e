// What the tests of injection ask the browser about a page full of other people's words.
window.hostile = {
  // every element, attribute and address there is, each once, under `root`
  found(root) {
    const tags = new Set(), attributes = new Set(), addresses = new Set(), links = new Set();
    for (const e of root.querySelectorAll("*")) {
      tags.add(e.localName);
      for (const { name, value } of e.attributes) {
        attributes.add(name);
        if (name === "src" || name === "poster") addresses.add(value);
        if (name === "href") links.add(value);
      }
    }
    return { tags: [...tags], attributes: [...attributes], addresses: [...addresses], links: [...links] };
  },

  // the living card of these parts, as a notebook would mount it; then everything in it is pressed
  async press(script, parts, root) {
    const card = this.card ??= await import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
    const heard = [], listeners = [];
    const model = { get: name => parts[name], on: (event, listener) => { if (event === "msg:custom") listeners.push(listener); }, off() {}, send: message => heard.push(message) };
    const end = card.default.render({ model, el: root });
    const { view } = heard[0];
    for (const listener of listeners) {
      listener({ view, act: "report", text: parts.label }, []);
      listener({ view, video: 0, words: parts.label }, []);
    }
    await new Promise(done => setTimeout(done)); // the clipboard refuses, and the text is shown in its place
    for (const event of ["mouseover", "focus", "click"]) for (const e of root.querySelectorAll("*")) if (e.localName !== "a") e.dispatchEvent(new Event(event, { bubbles: true }));
    for (const form of root.querySelectorAll("form")) { form.querySelector("input").value = parts.label; form.requestSubmit(); }
    return end;
  },
};
