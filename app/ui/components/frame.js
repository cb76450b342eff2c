// Streamlit empties the address before it leaves a page, as a step of its own in the history: Back would lead to the page
// without its choices (filters, tabs), and only a second Back to the page as it was left. That step is not made.
const LEAVING = 3000;
function keepTheWayBack() {
  if (window.__doorbellWayBack) return;
  window.__doorbellWayBack = true;
  let leaving = 0;
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (link && link.origin === location.origin && link.pathname !== location.pathname) leaving = Date.now();
  }, true);
  const push = history.pushState.bind(history);
  history.pushState = (state, title, url) => {
    const to = new URL(url, location.href);
    const empties = to.pathname === location.pathname && !to.search && location.search;
    if (empties && Date.now() - leaving < LEAVING) return;
    push(state, title, url);
  };
}

// The frame of every page (frame.css), and in the menu who is signed in and the way out: the session ends on the
// server, then the page loads as a stranger's.
export default function (component) {
  const { data, parentElement } = component;
  keepTheWayBack();
  const initials = data.name.split(/\s+/).filter(Boolean).map((word) => word[0]).slice(0, 2).join("").toUpperCase();
  parentElement.querySelector(".doorbell-avatar").textContent = initials;
  parentElement.querySelector("strong").textContent = data.name;
  const role = parentElement.querySelector(".doorbell-person span");
  role.textContent = data.role;
  role.title = data.email;
  const out = parentElement.querySelector("button");
  out.onclick = async () => {
    out.disabled = true;
    try {
      await fetch("/session/logout", { method: "POST", credentials: "same-origin", headers: { accept: "application/json" } });
    } finally {
      location.assign("/");
    }
  };
  // Dialogs and menus hang beside the page, not in it: only what stands on the root tells them which scheme it is.
  const app = document.querySelector(".stApp");
  const follow = () => { document.documentElement.style.colorScheme = getComputedStyle(app).colorScheme; };
  follow();
  const seen = new MutationObserver(follow);
  seen.observe(app, { attributeFilter: ["class"] });
  return () => seen.disconnect();
}
