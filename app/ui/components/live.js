// The page's ear: one WebSocket per browser tab, kept on `window` while pages come and go. What it hears is only a hint
// that something changed; the page then reads the database under its own rights.
const DEBOUNCE = 30;
const PATIENCE = 1500;
const SILENCE = 60000;
const QUIET_BLIP = 1200;
const TURN = 50;
const STIRRED = 400;
const LONGEST_TIMER = 86400;

function makeLive() {
  const live = {
    last: null,
    state: "connecting",
    listeners: new Set(),
    pending: [],
    socket: null,
    tries: 0,
    heardAt: 0,
    watched: false,
  };

  live.connect = () => {
    if (live.socket && live.socket.readyState <= 1) return;
    const base = document.querySelector("base")?.getAttribute("href") || "/";
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    let socket;
    try {
      socket = new WebSocket(`${scheme}//${location.host}${base.startsWith("/") ? base : "/"}live`);
    } catch {
      live.lost();
      return;
    }
    live.socket = socket;
    socket.onopen = () => {
      if (live.last !== null) socket.send(JSON.stringify({ type: "resume", last: live.last }));
    };
    socket.onmessage = (event) => {
      live.heardAt = Date.now();
      const message = JSON.parse(event.data);
      if (message.type === "hello") {
        live.tries = 0;
        live.watched = false;
        live.become("live");
        live.watch();
        if (live.last === null) live.last = message.last;
      } else if (message.type === "changes") {
        live.last = Math.max(live.last ?? 0, message.last);
        live.hear(message.items);
      } else if (message.type === "moved") {
        for (const listener of live.listeners) if (listener.messages) listener.stir();
      } else if (message.type === "resync") {
        live.last = message.last;
        live.hear([{ kind: "resync", changeId: message.last }]);
      }
    };
    socket.onclose = (event) => {
      if (live.socket !== socket) return;
      live.socket = null;
      if (event.code === 4401) {
        live.signedOut();
        return;
      }
      live.lost();
    };
  };

  live.watch = () => {
    // Only a page that shows what becomes of messages asks to hear of it.
    const wanted = [...live.listeners].some((listener) => listener.messages);
    if (wanted === live.watched || live.socket?.readyState !== 1) return;
    live.socket.send(JSON.stringify({ type: wanted ? "watch" : "unwatch" }));
    live.watched = wanted;
  };

  live.lost = () => {
    clearTimeout(live.blip);
    // A connection that is back within a second was never lost for the reader.
    live.blip = setTimeout(() => live.become("lost"), live.state === "live" ? QUIET_BLIP : 0);
    clearTimeout(live.retry);
    live.retry = setTimeout(live.connect, Math.min(1000 * 2 ** live.tries, 10000));
    live.tries += 1;
  };

  live.signedOut = () => {
    // The session ended elsewhere: show the sign-in page, but never reload in a circle.
    const before = Number(sessionStorage.getItem("doorbell-signed-out") || 0);
    if (Date.now() - before > 5000) {
      sessionStorage.setItem("doorbell-signed-out", String(Date.now()));
      location.reload();
    } else {
      live.become("lost");
    }
  };

  live.become = (state) => {
    clearTimeout(live.blip);
    if (live.state === state) return;
    live.state = state;
    for (const listener of live.listeners) listener.changed();
  };

  live.hear = (items) => {
    live.pending.push(...items);
    if (live.pending.length > 400) live.pending = live.pending.slice(-400);
    for (const listener of live.listeners) listener.soon();
  };

  const wake = () => {
    if (document.visibilityState === "visible" && live.state !== "live") {
      live.tries = 0;
      live.connect();
    }
  };
  document.addEventListener("visibilitychange", wake);
  window.addEventListener("online", wake);
  setInterval(() => {
    if (live.socket && live.state === "live" && Date.now() - live.heardAt > SILENCE) live.socket.close();
  }, 10000);
  return live;
}

function makeListener(live, mark) {
  const listener = { upTo: 0, sent: 0, sentAt: 0, timer: null, again: null, messages: false, stirred: false };

  listener.changed = () => {
    listener.show();
    listener.setState("lost", live.state === "lost");
  };
  listener.show = () => {
    const words = {
      live: ["Live", "What is new appears by itself."],
      connecting: ["Connecting…", ""],
      lost: ["Connection lost – checking every 30 s", "What is new still appears, with a delay."],
    }[live.state];
    mark.dataset.state = live.state;
    mark.title = words[1];
    const text = mark.querySelector(".text");
    if (text.textContent !== words[0]) text.textContent = words[0];
  };
  listener.soon = (wait = DEBOUNCE) => {
    if (listener.timer !== null) return;
    // Streamlit runs only one fragment of what is triggered in the same tick: a dialog and its page take turns.
    const turn = Math.max([...live.listeners].indexOf(listener), 0);
    listener.timer = setTimeout(listener.flush, wait + turn * TURN);
  };
  listener.stir = () => {
    listener.stirred = true;
    listener.soon();
  };
  listener.flush = () => {
    listener.timer = null;
    const fresh = live.pending.filter((item) => item.changeId > listener.upTo);
    if (!fresh.length && !listener.stirred) return;
    // One run at a time: while the page still works on the last batch, this one waits and grows.
    const waited = Date.now() - listener.sentAt;
    const patience = listener.sent > listener.upTo ? PATIENCE : fresh.length ? 0 : STIRRED;
    if (waited < patience) {
      listener.soon(Math.min(100, patience - waited));
      return;
    }
    listener.stirred = false;
    listener.sent = Math.max(listener.sent, ...fresh.map((item) => item.changeId));
    listener.sentAt = Date.now();
    listener.trigger("events", { items: fresh.slice(-100), last: listener.sent });
  };
  return listener;
}

export default function (component) {
  const { data, parentElement, setTriggerValue, setStateValue } = component;
  const live = (window.__doorbellLive ??= makeLive());
  const mark = parentElement.querySelector(".mark");
  const listener = (mark.__listener ??= makeListener(live, mark));
  listener.trigger = setTriggerValue;
  listener.setState = setStateValue;
  listener.upTo = Math.max(listener.upTo, data.upTo);
  // The first page was read at `upTo`: whatever was told since, the socket sends when it resumes from there.
  if (live.last === null) live.last = data.upTo;
  listener.messages = Boolean(data.messages);
  live.listeners.add(listener);
  live.watch();
  clearTimeout(listener.again);
  if (data.againIn !== null && data.againIn < LONGEST_TIMER) {
    listener.again = setTimeout(listener.stir, data.againIn * 1000 + 300);
  }
  live.pending = live.pending.filter((item) => [...live.listeners].some((one) => item.changeId > one.upTo));
  live.connect();
  listener.show();
  if (data.lost !== (live.state === "lost")) setStateValue("lost", live.state === "lost");
  if (live.pending.length || listener.stirred) listener.soon();
  return () => {
    live.listeners.delete(listener);
    clearTimeout(listener.timer);
    clearTimeout(listener.again);
    listener.timer = null;
    // Detached and attached again at each run of the page: only who stays away is told nothing more.
    setTimeout(live.watch, 1000);
  };
}
