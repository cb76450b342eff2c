// Whether this browser is notified while no page is open, and the switch for it. What it knows goes to /session/push by
// the session's cookie; the page's script only learns that something changed.
const WORKER = "/doorbell-sw.js";
const PATIENCE = 20;
const SAY = {
  unsupported:
    "This browser cannot be notified while the page is closed. On an iPhone or iPad, add Doorbell to the home screen and open it from there; elsewhere use Chrome, Edge, Firefox or Safari, over https.",
  blocked: "Notifications from Doorbell are blocked in this browser. Allow them in the browser's settings for this site, then come back.",
  off: "Be told in this browser while Doorbell is closed. What is shown names the contact by the first name alone.",
  on: "This browser is notified while Doorbell is closed.",
  away: "The server does not answer. Check the connection, then try again.",
  none: "This browser did not get an address from its push service. Check the connection, then try again.",
};

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".doorbell-push");
  const part = (name) => root.querySelector(`.${name}`);
  const buttons = ["on", "test", "off"].map(part);

  const show = (state) => {
    root.dataset.state = state;
    part("state").textContent = SAY[state];
    part("on").hidden = state !== "off";
    part("test").hidden = part("off").hidden = state !== "on";
  };
  const say = (text, bad = false) => {
    part("said").textContent = text;
    part("said").hidden = !text;
    part("said").dataset.tone = bad ? "bad" : "";
  };
  const busy = async (work) => {
    if (buttons.some((button) => button.disabled)) return;
    for (const button of buttons) button.disabled = true;
    say("");
    try {
      await work();
    } catch (error) {
      say(error instanceof Refusal ? error.message : SAY.away, true);
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  };
  const look = async () => {
    if (!supported()) return show("unsupported");
    if (Notification.permission === "denied") return show("blocked");
    const found = await present();
    const known = found && data.known.includes(await digest(found.endpoint)) && isUnder(found, data.key);
    return show(known && Notification.permission === "granted" ? "on" : "off");
  };

  part("on").onclick = () =>
    busy(async () => {
      if ((await Notification.requestPermission()) !== "granted") {
        await look();
        if (root.dataset.state === "off") say("You did not allow notifications.", true);
        return;
      }
      const subscription = await subscribe(data.key);
      await call("POST", "/session/push", subscription.toJSON());
      show("on");
      setTriggerValue("changed", Date.now());
    });
  part("off").onclick = () =>
    busy(async () => {
      const found = await present();
      if (found) {
        await call("DELETE", "/session/push", { endpoint: found.endpoint });
        await found.unsubscribe();
      }
      show("off");
      setTriggerValue("changed", Date.now());
    });
  part("test").onclick = () =>
    busy(async () => {
      const found = await present();
      if (!found) return show("off");
      let test = await call("POST", "/session/push/test", { endpoint: found.endpoint });
      for (let tries = 0; tries < PATIENCE && !test.done; tries += 1) {
        say(test.said);
        await new Promise((resolve) => setTimeout(resolve, 1000));
        test = await call("GET", `/session/push/test/${test.id}`);
      }
      say(test.ok ? `${test.said} It shows in a moment.` : test.said, test.done && !test.ok);
      if (test.done && !test.ok) setTriggerValue("changed", Date.now());
    });

  if (!data.key) show("unsupported");
  else if (!buttons.some((button) => button.disabled)) look().catch(() => show("unsupported"));
  return () => {};
}

class Refusal extends Error {}

function supported() {
  return isSecureContext && "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
}

async function present() {
  const registration = await navigator.serviceWorker.getRegistration("/");
  return registration ? registration.pushManager.getSubscription() : null;
}

async function subscribe(key) {
  await navigator.serviceWorker.register(WORKER, { scope: "/" });
  const registration = await navigator.serviceWorker.ready;
  const before = await registration.pushManager.getSubscription();
  if (before && isUnder(before, key)) return before;
  if (before) await before.unsubscribe(); // made for a key that is no longer ours
  try {
    return await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  } catch {
    throw new Refusal(SAY.none);
  }
}

function isUnder(subscription, key) {
  const made = subscription.options?.applicationServerKey;
  if (!made) return true; // not every browser tells
  const text = btoa(String.fromCharCode(...new Uint8Array(made)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "") === key;
}

async function digest(text) {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function call(method, path, body) {
  const answer = await fetch(path, {
    method,
    credentials: "same-origin",
    headers: body ? { "content-type": "application/json" } : {},
    body: body ? JSON.stringify(body) : undefined,
  });
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const problem = await answer.json().catch(() => ({}));
  throw new Refusal(problem.detail || problem.title || SAY.away);
}
