// Draws the list of alerts. Every word of a person's comes in as text and leaves as text (textContent, never innerHTML).
// Actions go out in an outbox that is sent again until the server says it has them: two quick clicks are two actions.

const KEYS = {
  a: "acknowledge", c: "contact", s: "snooze", v: "convert", x: "dismiss", g: "assign", u: "undo",
};
const SNOOZE = [["hour", "1 hour"], ["tomorrow", "Tomorrow 9:00"], ["week", "Next week, Monday 9:00"]];

function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false && child !== "") node.append(child);
  }
  return node;
}

function ago(then) {
  const seconds = Math.max((Date.now() - then) / 1000, 0);
  if (seconds < 45) return "just now";
  if (seconds < 90 * 60) return `${Math.max(Math.round(seconds / 60), 1)} min ago`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}

class View {
  constructor(root) {
    this.root = root;
    this.part = (name) => root.querySelector(`.${name}`);
    this.nodes = new Map();
    this.outbox = [];
    this.number = 0;
    this.session = Math.random().toString(36).slice(2);
    this.known = null;
    this.current = null;
    this.onkey = (event) => this.key(event);
    this.onpress = (event) => this.closeMenus(event);
  }

  attach() {
    document.addEventListener("keydown", this.onkey);
    document.addEventListener("click", this.onpress);
    clearInterval(this.clock);
    this.clock = setInterval(() => this.tick(), 15000);
  }

  detach() {
    document.removeEventListener("keydown", this.onkey);
    document.removeEventListener("click", this.onpress);
    clearInterval(this.clock);
    clearTimeout(this.again);
  }

  update(data, trigger) {
    this.data = data;
    this.trigger = trigger;
    const had = new Set(data.acked);
    this.outbox = this.outbox.filter((action) => !had.has(action.n));
    this.drawProblem();
    this.drawList();
    this.drawPager();
    this.drawUndo();
    this.tick();
    if (this.outbox.length) this.send();
  }

  // --- out -------------------------------------------------------------------------------------------------------

  act(name, card, extra = {}) {
    this.number += 1;
    this.outbox.push({ n: `${this.session}-${this.number}`, name, id: card ? card.id : "", ...extra });
    if (card) {
      const node = this.nodes.get(card.id);
      if (node && !["details", "assign"].includes(name)) node.element.setAttribute("aria-busy", "true");
    }
    this.send();
  }

  send() {
    this.trigger("actions", this.outbox);
    clearTimeout(this.again);
    this.again = setTimeout(() => this.outbox.length && this.send(), 4000);
  }

  // --- drawing -----------------------------------------------------------------------------------------------------

  drawProblem() {
    const box = this.part("problem");
    const text = this.data.problem || "";
    if (box.dataset.text === text && box.dataset.n === String(this.data.problemN)) return;
    box.dataset.text = text;
    box.dataset.n = String(this.data.problemN);
    box.hidden = !text;
    box.replaceChildren(
      make("span", {}, text),
      make("button", { type: "button", class: "quiet", "aria-label": "Close this message", onclick: () => { box.hidden = true; } }, "✕"),
    );
  }

  drawList() {
    const list = this.part("list");
    const focus = this.focused();
    const order = [];
    const arrived = [];
    const wanted = new Set(this.data.cards.map((card) => card.id));
    let missing = null;
    for (const [id, old] of this.nodes) {
      if (wanted.has(id)) continue;
      if (focus && focus.id === id) missing = [...this.nodes.keys()].indexOf(id);
      old.element.remove();
      this.nodes.delete(id);
    }
    for (const card of this.data.cards) {
      const signature = JSON.stringify(card);
      const old = this.nodes.get(card.id);
      if (old && old.signature === signature) {
        old.element.removeAttribute("aria-busy");
        order.push(old.element);
        continue;
      }
      const element = this.drawCard(card);
      if (old) old.element.replaceWith(element);
      else if (this.known && !this.known.has(card.id) && this.data.page === this.page) {
        element.classList.add("arriving");
        arrived.push(card);
      }
      this.nodes.set(card.id, { element, signature, card });
      order.push(element);
    }
    order.forEach((element, index) => {
      if (list.children[index] !== element) list.insertBefore(element, list.children[index] || null);
    });
    this.nodes = new Map(this.data.cards.map((card) => [card.id, this.nodes.get(card.id)]));
    this.page = this.data.page;
    this.known = wanted;
    if (arrived.length) this.say(arrived);
    this.rove(focus, missing);
  }

  say(arrived) {
    const first = arrived[0];
    this.part("say").textContent = arrived.length === 1
      ? `New alert: ${first.priorityWord}, ${first.type}, ${first.who}`
      : `${arrived.length} new alerts, the first: ${first.priorityWord}, ${first.type}, ${first.who}`;
  }

  drawCard(card) {
    const title = `who-${card.id}`;
    const can = new Set(card.can);
    const link = make("a", {
      class: "who", id: title, href: card.href,
      onclick: (event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
        event.preventDefault();
        this.act("details", card);
      },
    }, card.who);
    return make("div", { class: `item ${this.data.compact ? "compact" : ""}`, role: "listitem" },
      make("article", {
        class: `card p-${card.priority.toLowerCase()} ${card.closed ? "closed" : ""}`,
        tabindex: "-1", "aria-labelledby": title, "data-id": card.id,
        onfocusin: () => this.choose(card.id, false),
      },
        make("div", { class: "head" },
          make("span", { class: "badge" }, card.priorityWord),
          make("span", { class: "type" }, card.type),
          make("span", { class: `status s-${card.status.toLowerCase()}` }, card.statusWord),
          make("time", { class: "since", datetime: card.openedIso, title: card.openedExact, "data-at": card.openedAt }),
        ),
        make("div", { class: "body" },
          make("div", { class: "what" },
            make("h3", {}, link),
            card.where ? make("p", { class: "where" }, card.where) : null,
            card.why.length ? make("ul", { class: "why", "aria-label": "Why" }, card.why.map((line) => make("li", {}, line))) : null,
          ),
          make("div", { class: "sure" },
            make("div", { class: "number" }, make("strong", {}, card.sure), make("span", {}, " sure")),
            make("div", { class: "meter", "aria-hidden": "true" },
              this.band(card.sureLow, card.sureHigh), this.bar(card.sureAt)),
            make("p", { title: card.sureHelp }, `${card.sureRange} · `, make("b", {}, card.lift)),
            make("p", {}, card.chance),
          ),
        ),
        card.notes.length ? make("p", { class: "notes" }, card.notes.map((note) => make("span", { class: `note ${note.tone}` }, note.text))) : null,
        make("div", { class: "foot" },
          make("span", { class: card.pool ? "owner pool" : "owner" }, card.owner),
          make("div", { class: "actions", role: "group", "aria-label": `Actions for ${card.who}` }, this.buttons(card, can)),
        ),
      ));
  }

  band(low, high) {
    const node = make("span", { class: "band" });
    node.style.left = `${low * 100}%`;
    node.style.width = `${Math.max((high - low) * 100, 1)}%`;
    return node;
  }

  bar(at) {
    const node = make("span", { class: "at" });
    node.style.left = `${at * 100}%`;
    return node;
  }

  buttons(card, can) {
    const made = [];
    const button = (name, text, kind = "") => can.has(name) && made.push(make("button", {
      type: "button", class: `${kind} ${card.primary === name ? "primary" : ""}`, "data-action": name,
      "aria-label": `${text.replace("…", "")}: ${card.who}`, onclick: () => this.begin(name, card),
    }, text));
    button("take", "Take it");
    button("acknowledge", "Acknowledge");
    button("contact", "Contacted");
    if (can.has("snooze")) made.push(this.menu(card));
    button("unsnooze", "Wake up");
    button("convert", "Convert…");
    button("dismiss", "Dismiss…");
    button("decline", "Decline…");
    button("assign", card.pool ? "Assign…" : "Reassign…");
    button("undo", "Undo");
    if (!this.data.single) button("details", "Details");
    return made;
  }

  menu(card) {
    const items = make("div", { class: "menu", role: "menu", "aria-label": "Snooze until", hidden: true },
      SNOOZE.map(([value, text]) => make("button", {
        type: "button", role: "menuitem",
        onclick: () => { this.closeMenus(); this.act("snooze", card, { until: value }); },
      }, text)));
    const opener = make("button", {
      type: "button", "data-action": "snooze", "aria-haspopup": "menu", "aria-expanded": "false",
      "aria-label": `Snooze: ${card.who}`,
    }, "Snooze ▾");
    opener.onclick = (event) => {
      event.stopPropagation();
      const open = items.hidden;
      this.closeMenus();
      if (!open) return;
      items.hidden = false;
      opener.setAttribute("aria-expanded", "true");
      const box = items.getBoundingClientRect();
      items.classList.toggle("left", box.right > document.documentElement.clientWidth - 8);
      items.firstElementChild.focus();
    };
    items.onkeydown = (event) => {
      const all = [...items.children];
      const at = all.indexOf(this.root.getRootNode().activeElement);
      if (event.key === "ArrowDown") all[(at + 1) % all.length].focus();
      else if (event.key === "ArrowUp") all[(at + all.length - 1) % all.length].focus();
      else if (event.key === "Escape") { this.closeMenus(); opener.focus(); }
      else return;
      event.preventDefault();
      event.stopPropagation();
    };
    return make("span", { class: "has-menu" }, opener, items);
  }

  closeMenus() {
    for (const menu of this.root.querySelectorAll(".menu:not([hidden])")) {
      menu.hidden = true;
      menu.previousElementSibling.setAttribute("aria-expanded", "false");
    }
  }

  drawPager() {
    const pager = this.part("pager");
    const { pageText, older, newer } = this.data;
    pager.hidden = !pageText;
    if (!pageText) return;
    const go = (name, text, on) => make("button", { type: "button", disabled: !on, onclick: () => this.act(name, null) }, text);
    pager.replaceChildren(
      make("span", {}, pageText),
      older || newer ? make("span", { class: "turn" }, go("newer", "← Back", newer), go("older", "Next →", older)) : "",
    );
  }

  drawUndo() {
    const bar = this.part("undo");
    const last = (this.data.done || []).find((one) => one.until > Date.now());
    const hidden = !last || this.closedUndo === last.key;
    bar.hidden = hidden;
    if (hidden || bar.dataset.key === last.key) return;
    bar.dataset.key = last.key;
    const minutes = Math.max(Math.round((last.until - Date.now()) / 60000), 1);
    bar.replaceChildren(
      make("span", { role: "status" }, last.text),
      make("button", { type: "button", class: "strong", title: `Possible for ${minutes} more minutes`, onclick: () => { bar.hidden = true; this.act("undo", { id: last.id }); } }, "Undo"),
      make("button", { type: "button", class: "quiet", "aria-label": "Hide", onclick: () => { this.closedUndo = last.key; bar.hidden = true; } }, "✕"),
    );
  }

  tick() {
    for (const time of this.root.querySelectorAll("time[data-at]")) time.textContent = ago(Number(time.dataset.at));
    this.drawUndo();
  }

  // --- asking ------------------------------------------------------------------------------------------------------

  begin(name, card) {
    if (name === "convert") this.askConvert(card);
    else if (name === "dismiss") this.askDismiss(card);
    else if (name === "decline") this.askDecline(card);
    else this.act(name === "take" ? "acknowledge" : name, card);
  }

  ask(title, fields, go, done) {
    const box = this.part("ask");
    const back = this.root.getRootNode().activeElement;
    const form = make("form", { method: "dialog" },
      make("h3", { id: "ask-title" }, title), fields,
      make("div", { class: "row" },
        make("button", { type: "button", onclick: () => box.close() }, "Cancel"),
        make("button", { type: "submit", class: "primary" }, go)));
    form.onsubmit = (event) => {
      event.preventDefault();
      const values = Object.fromEntries(new FormData(form));
      box.close();
      done(values);
    };
    box.setAttribute("aria-labelledby", "ask-title");
    box.replaceChildren(form);
    box.onclose = () => back && back.isConnected && back.focus();
    box.onkeydown = (event) => event.stopPropagation();
    box.showModal();
    form.querySelector("input, select, textarea").focus();
  }

  askConvert(card) {
    const value = make("input", { name: "value", type: "number", min: "0", step: "1000", inputmode: "decimal", placeholder: "e.g. 450000" });
    this.ask(`${card.who} converted`, [
      make("label", {}, "What was it?", make("select", { name: "kind" }, this.data.transactions.map(([id, text]) =>
        make("option", { value: id, selected: id === card.transaction }, text)))),
      make("label", {}, "Value in US dollars (optional)", value),
      make("label", {}, "Notes (optional)", make("textarea", { name: "notes", rows: "3", maxlength: "2000" })),
    ], "Save as converted", (given) => this.act("convert", card, given));
  }

  askDismiss(card) {
    this.ask(`Dismiss the alert for ${card.who}`, [
      make("fieldset", {}, make("legend", {}, "Why?"), this.data.reasons.map(([id, text], index) =>
        make("label", { class: "choice" }, make("input", { type: "radio", name: "reason", value: id, checked: index === 0 }), text))),
      make("label", {}, "Notes (optional)", make("textarea", { name: "notes", rows: "2", maxlength: "2000" })),
      make("p", { class: "hint" }, "This type of alert then stays quiet for this person for 30 days."),
    ], "Dismiss", (given) => this.act("dismiss", card, given));
  }

  askDecline(card) {
    const notes = make("textarea", { name: "notes", rows: "2", maxlength: "500" });
    const choices = this.data.declines.map(([id, text], index) =>
      make("label", { class: "choice" }, make("input", {
        type: "radio", name: "reason", value: id, checked: index === 0, onchange: () => { notes.required = id === "other"; },
      }), text));
    this.ask(`Decline the alert for ${card.who}`, [
      make("fieldset", {}, make("legend", {}, "Why is it not for you?"), choices),
      make("label", {}, "Note for your manager (optional)", notes),
      make("p", { class: "hint" }, "It goes to a colleague who never had it, else into the pool. The person and the alert are not judged by it."),
    ], "Decline", (given) => this.act("decline", card, given));
  }

  // --- keyboard ----------------------------------------------------------------------------------------------------

  focused() {
    const active = this.root.getRootNode().activeElement;
    const card = active && active.closest && active.closest(".card");
    return card ? { id: card.dataset.id, action: active.dataset.action || (active.matches(".who") ? "who" : "") } : null;
  }

  rove(focus, missing) {
    const cards = [...this.root.querySelectorAll(".card")];
    const chosen = cards.find((card) => card.dataset.id === this.current) || cards[0];
    for (const card of cards) card.tabIndex = card === chosen ? 0 : -1;
    if (!focus) return;
    const active = this.root.getRootNode().activeElement;
    if (active && active.closest && active.closest(".card")) return;
    let target = cards.find((card) => card.dataset.id === focus.id);
    if (!target && missing !== null) target = cards[Math.min(missing, cards.length - 1)];
    if (!target) return;
    const inner = focus.action === "who" ? target.querySelector(".who") : focus.action && target.querySelector(`[data-action="${focus.action}"]`);
    (inner || target).focus({ preventScroll: true });
  }

  choose(id, focus) {
    this.current = id;
    for (const card of this.root.querySelectorAll(".card")) {
      const here = card.dataset.id === id;
      card.tabIndex = here ? 0 : -1;
      if (here && focus) {
        card.focus({ preventScroll: true });
        card.scrollIntoView({ block: "nearest" });
      }
    }
  }

  key(event) {
    if (!this.data.keyboard || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const origin = event.composedPath()[0];
    if (origin.matches && origin.matches("input, textarea, select, [contenteditable=true], [role=combobox]")) return;
    if (this.part("ask").open || document.querySelector('[role="dialog"]:not([hidden])')) return;
    const ids = [...this.nodes.keys()];
    if (!ids.length) return;
    const focus = this.focused();
    const at = focus ? ids.indexOf(focus.id) : -1;
    if (event.key === "j" || event.key === "k") {
      const next = at < 0 ? 0 : Math.min(Math.max(at + (event.key === "j" ? 1 : -1), 0), ids.length - 1);
      this.choose(ids[next], true);
      event.preventDefault();
      return;
    }
    if (!focus) return;
    const card = this.nodes.get(focus.id)?.card;
    if (!card) return;
    if (event.key === "Enter" && origin.matches(".card")) {
      this.act("details", card);
    } else {
      let name = KEYS[event.key];
      if (name === "acknowledge" && card.can.includes("take")) name = "take";
      if (!name || !card.can.includes(name)) return;
      if (name === "snooze") this.nodes.get(card.id).element.querySelector('[data-action="snooze"]').click();
      else this.begin(name, card);
    }
    event.preventDefault();
  }
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".cards");
  const view = (root.__view ??= new View(root));
  view.detach();
  view.attach();
  view.update(data, setTriggerValue);
  return () => view.detach();
}
