// Gathers what changed and draws at most a few times a second, in step with the screen.

const LEAST_MILLISECONDS = 60;

/** @param {() => Promise<unknown>|void} drawNow @returns {() => void} */
export function redrawer(drawNow) {
  let scheduled = false;
  let last = 0;
  const run = async () => {
    last = performance.now();
    scheduled = false;
    await drawNow();
  };
  return () => {
    if (scheduled) return;
    scheduled = true;
    const wait = Math.max(0, LEAST_MILLISECONDS - (performance.now() - last));
    // A tab in the background gets no frames; what it missed is drawn when it is looked at again.
    setTimeout(() => (document.hidden ? run() : requestAnimationFrame(run)), wait);
  };
}
