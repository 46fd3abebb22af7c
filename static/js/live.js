// The live stream: one connection a tab, closed while the tab is hidden, resumed from its cursor.

const STALE_SECONDS = 6;
const indicator = document.getElementById("connection");
const indicatorText = document.getElementById("connection-text");

/**
 * Follow the server's events after a cursor.
 *
 * `onReset` loads a fresh snapshot and returns its cursor: the server says `reset` when it can no longer
 * tell what happened since.
 * @param {{cursor: string, query: string, handlers: Record<string, (data: any) => void>, onReset: () => Promise<string>}} options
 */
export function follow({ cursor, query, handlers, onReset }) {
  let position = cursor;
  let source = null;
  let lastHeard = performance.now();
  let redisConnected = true;

  const show = () => {
    const silent = (performance.now() - lastHeard) / 1000;
    const live = source?.readyState === EventSource.OPEN && silent < STALE_SECONDS && redisConnected;
    indicator.hidden = false;
    indicator.dataset.state = live ? "live" : "stale";
    const text = live ? "Live" : redisConnected ? `Reconnecting, last event ${Math.round(silent)} s ago` : "Live stream interrupted";
    if (indicatorText.textContent !== text) indicatorText.textContent = text;
  };

  const open = () => {
    source = new EventSource(`/api/events?cursor=${position}&${query}`);
    const heard = (event) => {
      lastHeard = performance.now();
      if (event.lastEventId) position = event.lastEventId;
    };
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => {
        heard(event);
        handle(JSON.parse(event.data));
      });
    }
    source.addEventListener("ping", (event) => {
      heard(event);
      redisConnected = JSON.parse(event.data).connected;
      show();
    });
    source.addEventListener("reset", async () => {
      close();
      position = await onReset();
      open();
    });
    // The browser reconnects by itself, but not after an answer that is no stream (a restarting proxy, say).
    source.addEventListener("error", () => {
      show();
      if (source?.readyState === EventSource.CLOSED) {
        close();
        setTimeout(() => !document.hidden && !source && open(), 1000);
      }
    });
  };
  const close = () => {
    source?.close();
    source = null;
  };

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else if (!source) {
      lastHeard = performance.now();
      open();
    }
  });
  window.addEventListener("pagehide", close);
  setInterval(() => !document.hidden && show(), 1000);
  open();
}

/** Fetch JSON, or throw the message of the server's error. @param {string} url @param {RequestInit} [options] */
export async function fetchJson(url, options) {
  const answer = await fetch(url, options);
  const body = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(body.error.message), { fields: body.error.fields });
  return body;
}
