// What every page does: theme, local times, confirmation of destructive forms, busy buttons.

const root = document.documentElement;
document.getElementById("theme-toggle")?.addEventListener("click", () => {
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("segscope-theme", root.dataset.theme);
  window.dispatchEvent(new Event("segscope:theme"));
});

/** Show moments in the reader's own time zone. @param {ParentNode} scope */
export function localiseTimes(scope = document) {
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  for (const element of scope.querySelectorAll("time[datetime]")) {
    element.textContent = format.format(new Date(element.dateTime));
    element.title = element.dateTime;
  }
}
localiseTimes();

/** Ask before a form does what cannot be undone. @param {string} question @returns {Promise<boolean>} */
function confirmed(question) {
  const dialog = document.createElement("dialog");
  const text = document.createElement("p");
  text.textContent = question;
  const form = document.createElement("form");
  form.method = "dialog";
  form.className = "button-row";
  for (const [value, label, kind] of [["no", "Keep", ""], ["yes", "Go ahead", "danger"]]) {
    const button = document.createElement("button");
    button.value = value;
    button.textContent = label;
    button.className = `button ${kind}`;
    form.append(button);
  }
  dialog.append(text, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || event.defaultPrevented) return;
  if (form.dataset.confirm && !form.dataset.confirmed) {
    event.preventDefault();
    if (await confirmed(form.dataset.confirm)) {
      form.dataset.confirmed = "yes";
      form.requestSubmit();
    }
    return;
  }
  const button = form.querySelector("button[type=submit]");
  if (form.dataset.busy && button) button.textContent = form.dataset.busy;
  if (form.method === "post" && button) button.disabled = true;
});
// A page that comes back from the browser's cache must not show its buttons as busy.
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
