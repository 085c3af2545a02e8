/**
 * Ends a connection whose server accepts it and then says nothing. The library's own timeout ends with the connection of the socket, and a
 * call would wait for ever.
 */
export class HandshakeWatch {
  readonly #patienceMs: number
  readonly #isReady: () => boolean
  readonly #onSilent: () => void
  #timer: NodeJS.Timeout | undefined

  /** @param onSilent Called once for each connection that is not ready after `patienceMs`. */
  constructor(patienceMs: number, isReady: () => boolean, onSilent: () => void) {
    this.#patienceMs = patienceMs
    this.#isReady = isReady
    this.#onSilent = onSilent
  }

  /** The socket is connected. It keeps the process alive no longer than the connection does. */
  begin(): void {
    this.end()
    this.#timer = setTimeout(() => {
      // What has arrived while the event loop was busy is read in between.
      setImmediate(() => setImmediate(() => this.#judge()))
    }, this.#patienceMs).unref()
  }

  /** The connection is ready, or closed. */
  end(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #judge(): void {
    if (this.#timer === undefined || this.#isReady()) return
    this.end()
    this.#onSilent()
  }
}
