// What went wrong, in words for whoever looks at the page. Any other error is a mistake of the page itself.

export class Failure extends Error {
  // `retry`: what "Try again" does; undefined repeats what was asked for, null offers nothing.
  constructor(message, { status = null, retry } = {}) {
    super(message);
    this.status = status;
    this.retry = retry;
    // What the server understood and refused, it refuses again.
    if (retry === undefined && status >= 400 && status < 500) this.retry = null;
  }
}
