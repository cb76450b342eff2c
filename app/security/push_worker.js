// Doorbell's service worker: shows what is pushed while no page is open, and leads to it. It acts on nothing itself.
const PAGE = "/feed";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  let told = {};
  try {
    told = event.data ? event.data.json() : {};
  } catch {
    // Not ours, or spoiled: something must be shown all the same, or the browser takes the permission away.
  }
  const tag = typeof told.tag === "string" ? told.tag : "";
  event.waitUntil(
    self.registration.showNotification(String(told.title || "News in Doorbell"), {
      body: String(told.body || ""),
      tag,
      renotify: Boolean(tag),
      requireInteraction: told.priority === "CRITICAL",
      data: { url: String(told.url || PAGE) },
    }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const wanted = new URL(event.notification.data?.url || PAGE, self.location.origin);
  const url = wanted.origin === self.location.origin ? wanted.href : new URL(PAGE, self.location.origin).href;
  event.waitUntil(open(url));
});

// A page that shows something else is left as it is: somebody may be in the middle of writing there.
async function open(url) {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = pages.find((page) => page.url === url);
  return there ? there.focus() : self.clients.openWindow(url);
}

// The push service changed the subscription: take the new one in, and the old one out.
self.addEventListener("pushsubscriptionchange", (event) => {
  event.waitUntil(renew(event.oldSubscription, event.newSubscription));
});

async function renew(old, fresh) {
  if (!fresh) {
    const { key } = await (await fetch("/session/push", { credentials: "same-origin" })).json();
    fresh = await self.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  }
  await fetch("/session/push", {
    method: "POST",
    credentials: "same-origin",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...fresh.toJSON(), replaces: old ? old.endpoint : null }),
  });
}
