// Brings a notebook's controls to life over its kernel's websocket: sliders, a choice, boxes and text, which is all that
// a live page of this house has. Voila's own bundle is megabytes for every kind of widget there is.
(function () {
  "use strict";
  const waiting = document.getElementById("waiting");
  const session = crypto.randomUUID();
  const models = {}, shown = {}, asked = {};
  let socket, kernel, view, busy = false;

  const failed = setTimeout(function () { give_up(); }, 60000);
  function give_up() {
    waiting.textContent = "The levers could not be started. What stands here is the base case; load the page again to try.";
  }

  // The kernel's name and the controls that the notebook shows arrive with the rest of this page.
  const seen = new MutationObserver(look);
  function look() {
    if (!kernel) {
      const told = document.getElementById("jupyter-config-data");
      if (told && told.nextSibling) {
        kernel = JSON.parse(told.textContent).kernelId;
      }
    }
    if (!view) {
      for (const cell of document.querySelectorAll('script[type="application/vnd.voila.cell-output+json"]')) {
        const found = cell.nextSibling && JSON.parse(cell.textContent).data["application/vnd.jupyter.widget-view+json"];
        if (found) view = found.model_id;
      }
    }
    if (kernel && view && !socket) { seen.disconnect(); connect(); }
  }
  seen.observe(document.documentElement, { childList: true, subtree: true });

  function connect() {
    socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/api/kernels/${kernel}/channels?session_id=${session}`);
    socket.onopen = function () { want(view); };
    socket.onmessage = function (came) { if (typeof came.data === "string") hear(JSON.parse(came.data)); };
    socket.onclose = function () {
      for (const control of document.querySelectorAll("#live input, #live select")) control.disabled = true;
      waiting.textContent = "The connection was closed. What stands here is the last answer; load the page again to go on.";
      const live = document.getElementById("live");
      if (live && live.dataset.ready) live.before(waiting);
    };
    addEventListener("pagehide", leave);
  }

  function leave() {
    const token = (document.cookie.match(/(?:^|; )_xsrf=([^;]+)/) || [])[1];
    const form = new FormData();
    form.append("_xsrf", token || "");
    navigator.sendBeacon(`/voila/api/shutdown/${kernel}`, form);
  }

  function say(comm, data) {
    const header = { msg_id: crypto.randomUUID(), msg_type: "comm_msg", session: session, username: "", version: "5.3", date: new Date().toISOString() };
    const content = { comm_id: comm, data: data };
    socket.send(JSON.stringify({ channel: "shell", header: header, parent_header: {}, metadata: {}, content: content, buffers: [] }));
    return header.msg_id;
  }

  // From the control that is shown down to those in it, until none is unknown.
  function want(id) {
    if (id in models) return;
    models[id] = null;
    say(id, { method: "request_state" });
  }
  function parts(state) {
    return (state.children || []).map(function (child) { return child.replace("IPY_MODEL_", ""); });
  }

  function hear(message) {
    const content = message.content;
    if (message.header.msg_type === "status" && content.execution_state === "idle") answered(message.parent_header.msg_id);
    if (message.header.msg_type !== "comm_msg") return;
    const id = content.comm_id, data = content.data;
    if (data.method !== "update" || !(id in models)) return;
    if (models[id]) {
      Object.assign(models[id], data.state);
      if (shown[id]) shown[id]();
      return;
    }
    models[id] = data.state;
    parts(data.state).forEach(want);
    if (Object.values(models).every(Boolean)) show();
  }

  // One movement is answered before the next is sent, and of those made meanwhile only the last: a kernel that is asked
  // faster than it answers would fall ever further behind.
  let sent = null;
  function move(id, state) {
    asked[id] = state;
    next();
  }
  function next() {
    const id = Object.keys(asked)[0];
    if (busy || id === undefined) return;
    busy = true;
    sent = say(id, { method: "update", state: asked[id], buffer_paths: [] });
    delete asked[id];
  }
  function answered(id) {
    if (id === sent) { busy = false; next(); }
  }

  function show() {
    const live = document.getElementById("live");
    live.replaceChildren(made(view));
    document.getElementById("base").remove();
    waiting.remove();
    clearTimeout(failed);
    live.hidden = false;
    live.dataset.ready = "yes";
  }

  function made(id) {
    const state = models[id], element = (makers[state._model_name] || box)(id, state);
    element.classList.add(...(state._dom_classes || []));
    return element;
  }

  function box(id, state) {
    const element = document.createElement("div");
    element.append(...parts(state).map(made));
    return element;
  }

  function text(id, state) {
    const element = document.createElement("div");
    element.setAttribute("aria-live", "polite");
    (shown[id] = function () {
      const open = element.querySelector("details[open]");
      element.innerHTML = state.value;
      if (open && element.querySelector("details")) element.querySelector("details").open = true;
    })();
    return element;
  }

  function slider(id, state) {
    const row = document.createElement("label"), name = document.createElement("span");
    const value = document.createElement("output"), handle = document.createElement("input");
    row.className = "lever";
    name.textContent = state.description;
    value.setAttribute("aria-hidden", "true");
    Object.assign(handle, { type: "range", min: state.min, max: state.max, step: state.step });
    handle.setAttribute("aria-label", state.description);
    handle.addEventListener("input", function () {
      value.textContent = handle.value;
      move(id, { value: Number(handle.value) });
    });
    (shown[id] = function () {
      // What the kernel says counts once nothing is under way: the hand that moves the lever is ahead of it.
      if (busy || asked[id]) return;
      handle.value = state.value;
      value.textContent = state.value;
    })();
    row.append(name, value, handle);
    return row;
  }

  function choice(id, state) {
    const row = document.createElement("label"), name = document.createElement("span"), list = document.createElement("select");
    row.className = "lever";
    name.textContent = state.description;
    for (const label of state._options_labels) list.add(new Option(label));
    list.selectedIndex = state.index;
    list.addEventListener("change", function () { move(id, { index: list.selectedIndex }); });
    row.append(name, list);
    return row;
  }

  const makers = { IntSliderModel: slider, DropdownModel: choice, HTMLModel: text, BoxModel: box, VBoxModel: box };
})();
