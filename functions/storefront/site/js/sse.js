/* sse - read a stream of server-sent events (WHATWG HTML, "Server-sent events")
 * through fetch, because EventSource cannot send an Authorization header. */
import { Problem } from './api.js';

const SILENCE_MS = 60000; // the server sends a comment far more often than this

/** Split text that arrives in pieces into events; calls each(type, data). */
export function parser(each) {
  let rest = '';
  let type = '';
  let data = [];
  function take(line) {
    if (line === '') {
      if (data.length) each(type || 'message', data.join('\n'));
      type = '';
      data = [];
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') type = value;
    else if (field === 'data') data.push(value);
  }
  return (piece) => {
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    lines.forEach(take);
  };
}

/** Resolves when the server ends the stream; throws Problem when there is no
 * stream to read, or when it breaks or falls silent. */
export async function follow(path, headers, each, signal) {
  const stop = new AbortController();
  const abort = () => stop.abort();
  signal.addEventListener('abort', abort);
  let timer = setTimeout(abort, SILENCE_MS);
  try {
    const response = await fetch(path, {
      headers: { Accept: 'text/event-stream', ...headers },
      cache: 'no-store',
      signal: stop.signal,
    });
    const kind = response.headers.get('Content-Type') ?? '';
    if (!response.ok || !kind.startsWith('text/event-stream')) {
      throw new Problem(response.status, null, 0);
    }
    const feed = parser(each);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(abort, SILENCE_MS);
      feed(value);
    }
  } catch (error) {
    throw error instanceof Problem ? error : new Problem(0, null, 0);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    stop.abort();
  }
}
