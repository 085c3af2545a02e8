/** The watched connection. */
interface WatchedConnection {
  readonly isReady: () => boolean
  /** Nothing has come for so long, although something is awaited. */
  readonly onSilent: (silentMs: number) => void
}

/**
 * Detects a server that vanished silently while a reply is awaited. The library's own timeout would also cut a connection whose reply has
 * arrived, but could not be read yet because a task blocks the event loop.
 */
export class SilenceWatch {
  readonly #watched: WatchedConnection
  readonly #patienceMs: number
  #awaited = 0
  #heardMs = 0
  #timer: NodeJS.Timeout | undefined

  constructor(patienceMs: number, watched: WatchedConnection) {
    this.#patienceMs = patienceMs
    this.#watched = watched
  }

  asked(): void {
    if (this.#awaited++ === 0) this.#heardMs = performance.now()
    this.#timer ??= setInterval(() => this.#look(), this.#patienceMs / 4).unref()
  }

  answered(): void {
    this.#awaited--
    this.#heardMs = performance.now()
  }

  #look(): void {
    if (this.#awaited === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
    // What has arrived is read in between.
    if (this.#isSilent()) setImmediate(() => setImmediate(() => this.#judge()))
  }

  #judge(): void {
    if (!this.#isSilent()) return
    const silentMs = Math.round(performance.now() - this.#heardMs)
    // The next connection has its own time.
    this.#heardMs = performance.now()
    this.#watched.onSilent(silentMs)
  }

  #isSilent(): boolean {
    return (
      this.#awaited > 0 &&
      this.#watched.isReady() &&
      performance.now() - this.#heardMs >= this.#patienceMs * 0.75
    )
  }
}
