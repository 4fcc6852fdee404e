// What a test asks of the front end. JupyterLab and Notebook 7 are the same application with other furniture:
// both are started so that they show it as `window.jupyterapp`.
window.harness = {
  runs: new Map(), // index of a cell: its run goes on
  begun: new Set(), // requests which the kernel has taken up

  panel() {
    return [...(window.jupyterapp?.shell.widgets("main") ?? [])].find((widget) => widget.content?.activeCell !== undefined);
  },

  cell(index) {
    return this.panel().content.widgets[index];
  },

  ready() {
    const panel = this.panel();
    const session = panel?.sessionContext;
    return Boolean(
      panel?.context.isReady && panel.content.activeCell && session.isReady &&
        session.session?.kernel?.connectionStatus === "connected",
    );
  },

  // Not the kernel's status: after a click was handled on a subshell it says idle while a cell still runs.
  idle(index) {
    return !this.runs.get(index) && this.cell(index).model.executionState === "idle";
  },

  // Not the cell's state either: it runs from the moment it is sent, and an interrupt may come before the kernel has it.
  busy(index) {
    return !this.idle(index) && this.begun.has(this.cell(index).outputArea.future?.msg.header.msg_id);
  },

  listen() {
    this.panel().sessionContext.iopubMessage.connect((_, { header, parent_header }) => {
      if (header.msg_type === "execute_input") this.begun.add(parent_header.msg_id);
    });
  },

  run(index) {
    const { content } = this.panel();
    content.deselectAll();
    content.activeCellIndex = index;
    this.runs.set(index, true);
    window.jupyterapp.commands.execute("notebook:run-cell").finally(() => this.runs.set(index, false));
  },

  outputs(index) {
    return this.cell(index).model.outputs.toJSON();
  },

  trusted(index) {
    return this.cell(index).model.trusted;
  },

  interrupt() {
    return this.panel().sessionContext.session.kernel.interrupt();
  },

  restart() {
    return this.panel().sessionContext.restartKernel();
  },

  shutDown() {
    return this.panel().sessionContext.shutdown();
  },

  save() {
    return this.panel().context.save();
  },

  setTheme(theme) {
    return window.jupyterapp.commands.execute("apputils:change-theme", { theme });
  },

  style(text) {
    this.sheet ??= document.head.appendChild(document.createElement("style"));
    this.sheet.textContent = text;
  },
};
