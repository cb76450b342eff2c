// The password goes from this form to /session/login and nowhere else: not through the page's script.
const SAY = {
  401: "The e-mail address or the password is wrong.",
  422: "Enter your e-mail address and your password.",
  429: "Too many attempts. Wait a minute, then try again.",
};

export default function (component) {
  const { data, parentElement } = component;
  const form = parentElement.querySelector("form");
  const problem = form.querySelector(".doorbell-problem");
  const go = form.querySelector(".doorbell-go");
  const password = form.elements.namedItem("password");
  const email = form.elements.namedItem("email");
  const show = form.querySelector(".doorbell-show");
  form.querySelector(".doorbell-help").textContent = data.help;

  const say = (text) => {
    problem.textContent = text;
    problem.hidden = !text;
    for (const field of [email, password]) field.setAttribute("aria-invalid", text ? "true" : "false");
  };
  show.onclick = () => {
    const hidden = password.type === "password";
    password.type = hidden ? "text" : "password";
    show.textContent = hidden ? "Hide" : "Show";
    show.setAttribute("aria-pressed", String(hidden));
    password.focus();
  };
  form.onsubmit = async (event) => {
    event.preventDefault();
    if (go.disabled) return;
    if (!email.value.trim() || !password.value) {
      say(SAY[422]);
      (email.value.trim() ? password : email).focus();
      return;
    }
    say("");
    go.disabled = true;
    go.textContent = "Signing in…";
    try {
      const answer = await fetch("/session/login", {
        method: "POST",
        credentials: "same-origin",
        headers: { accept: "application/json", "content-type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({ email: email.value.trim(), password: password.value }),
      });
      if (answer.ok) {
        // A new identity needs a new connection; where the reader wanted to go stays in the address.
        location.reload();
        return;
      }
      say(SAY[answer.status] || "Signing in did not work. Try again in a moment.");
      password.select();
      password.focus();
    } catch {
      say("The server does not answer. Check the connection, then try again.");
    }
    go.disabled = false;
    go.textContent = "Sign in";
  };
  if (!form.dataset.ready) {
    form.dataset.ready = "yes";
    if (!email.value) email.focus({ preventScroll: true });
  }
  return () => {};
}
