import { type ChildProcess, spawn } from 'node:child_process'

/** How long a worker may finish what runs before it hands the rest back. */
const PATIENCE_MS = 2000

/** One worker process after another. */
export class RestartingChild {
  readonly #argv: readonly string[]
  readonly #env: NodeJS.ProcessEnv
  readonly #onEnd: (code: number | null) => void
  #child: ChildProcess | undefined
  #gone: Promise<void> = Promise.resolve()
  #isExpected = false
  #isOver = false

  /** @param onEnd Told when the child ends by itself. */
  constructor(argv: readonly string[], env: NodeJS.ProcessEnv, onEnd: (code: number | null) => void) {
    this.#argv = argv
    this.#env = env
    this.#onEnd = onEnd
  }

  start(): void {
    const child = spawn(process.execPath, this.#argv, {
      // A group of its own: Ctrl+C at the terminal comes to us, and from us to it, once.
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, ...this.#env },
    })
    this.#child = child
    this.#isExpected = false
    this.#gone = new Promise((resolve) => {
      child.once('exit', (code) => {
        this.#child = undefined
        if (!this.#isExpected) this.#onEnd(code)
        resolve()
      })
    })
  }

  /** Ends the child, warm and after a while cold, and starts the next. Nothing is lost either way. */
  async restart(): Promise<void> {
    if (this.#isOver || this.#isExpected) return
    if (this.#child) {
      this.#isExpected = true
      this.#child.kill('SIGTERM')
      const impatient = setTimeout(() => this.#child?.kill('SIGQUIT'), PATIENCE_MS)
      await this.#gone
      clearTimeout(impatient)
    }
    if (!this.#isOver) this.start()
  }

  /** Passes a signal on; resolves when the child is gone. No other follows. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.#isOver = true
    this.#isExpected = true
    this.#child?.kill(signal)
    await this.#gone
  }
}
