// The fields of the split: only those that the chosen strategy uses are shown and sent.

/**
 * @param {HTMLFormElement} form
 * @returns {{show: () => void}} `show` is to be called when a program has changed the strategy
 */
export function followStrategy(form) {
  const strategy = form.elements.namedItem("split.strategy");
  const help = document.getElementById("field-split-strategy-help");
  const show = () => {
    help.textContent = strategy.selectedOptions[0].dataset.help;
    for (const fields of form.querySelectorAll("fieldset[data-only-for]")) {
      fields.hidden = !fields.dataset.onlyFor.split(" ").includes(strategy.value);
      fields.disabled = fields.hidden;
    }
  };
  strategy.addEventListener("input", show);
  show();
  return { show };
}
