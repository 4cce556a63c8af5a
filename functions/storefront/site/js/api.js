/* api - calls the shop's API and turns every failure into one kind of error. */

const TIMEOUT_MS = 20000;
const READ_TRIES = 3;

/** status 0 means that no answer came: it may or may not have happened. */
export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body?.detail || body?.title || 'The shop did not answer');
    this.status = status;
    this.code = body?.code ?? '';
    this.errors = Array.isArray(body?.errors) ? body.errors : [];
    this.retryAfter = retryAfter;
  }

  /** Nothing was decided: the same request may be sent again. */
  get open() {
    return (
      this.status === 0 ||
      this.status === 408 ||
      this.status === 429 ||
      this.status >= 500 ||
      this.code === 'request-in-progress'
    );
  }

  /** A sentence for the shopper. */
  get sentence() {
    if (this.status === 0) return 'The shop cannot be reached. Check your connection.';
    if (this.status === 429 || this.status >= 500)
      return 'The shop is busy right now. Please try again in a moment.';
    const text = this.message.charAt(0).toUpperCase() + this.message.slice(1);
    return /[.!?]$/.test(text) ? text : `${text}.`;
  }
}

export const pause = (ms) =>
  new Promise((done) => {
    setTimeout(done, ms);
  });

function retryAfterMs(response) {
  const seconds = Number(response.headers.get('Retry-After'));
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0;
}

async function once(method, path, { body, headers, signal }) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), TIMEOUT_MS);
  signal?.addEventListener('abort', () => stop.abort());
  try {
    const response = await fetch(path, {
      method,
      signal: stop.signal,
      headers: {
        Accept: 'application/json',
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    let data = null;
    try {
      data = text ? JSON.parse(text) : null;
    } catch {
      if (response.ok) throw new Problem(0, null, 0);
    }
    if (!response.ok) throw new Problem(response.status, data, retryAfterMs(response));
    return { status: response.status, data };
  } catch (error) {
    if (error instanceof Problem || signal?.aborted) throw error;
    throw new Problem(0, null, 0);
  } finally {
    clearTimeout(timer);
  }
}

/** {status, data}; throws Problem. A read is tried again by itself, because a
 * function that was asleep may need a moment; a write never is. */
export async function api(method, path, options = {}) {
  for (let tried = 1; ; tried++) {
    try {
      return await once(method, path, options);
    } catch (error) {
      const again =
        method === 'GET' && error.open && tried < READ_TRIES && !options.signal?.aborted;
      if (!again) throw error;
      await pause(Math.min(error.retryAfter || 400 * tried, 3000));
    }
  }
}

export const get = async (path, options) => (await api('GET', path, options)).data;
