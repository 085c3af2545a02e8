import { writeSync } from 'node:fs'

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l'
const LEAVE = '\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l'
// biome-ignore lint/suspicious/noControlCharactersInRegex: keys are sent as control characters.
const KEYS = /\x1b\[[\d;]*[A-Za-z~]|\x1bO[A-Z]|[\s\S]/gu

/** Names of keys that send control characters or sequences. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ['\x1b[A', 'up'],
  ['\x1bOA', 'up'],
  ['\x1b[B', 'down'],
  ['\x1bOB', 'down'],
  ['\x1b[5~', 'page up'],
  ['\x1b[6~', 'page down'],
  ['\x1b[H', 'home'],
  ['\x1b[F', 'end'],
  ['\r', 'enter'],
  ['\n', 'enter'],
  ['\x7f', 'backspace'],
  ['\b', 'backspace'],
  ['\x1b', 'escape'],
  ['\x03', 'ctrl-c'],
  ['\x1a', 'ctrl-z'],
])

/** Callbacks for terminal events. */
export interface TerminalEars {
  /** `up`, `enter`, `ctrl-c`, or the character. */
  readonly onKey: (key: string) => void
  readonly onResize: () => void
  /** The terminal is gone. */
  readonly onGone: () => void
}

/**
 * Takes over the whole terminal while open. The terminal is restored however the process ends, by `close`, a signal or an error; only
 * SIGKILL prevents that.
 */
export class Terminal {
  readonly #ears: TerminalEars
  #shown = ''
  #isOpen = false

  constructor(ears: TerminalEars) {
    this.#ears = ears
  }

  get size(): { readonly rows: number; readonly columns: number } {
    return { rows: process.stdout.rows || 24, columns: process.stdout.columns || 80 }
  }

  open(): void {
    this.#take()
    process.stdin.setEncoding('utf8').on('data', this.#onData).on('end', this.#ears.onGone).resume()
    process.stdin.on('error', this.#ears.onGone)
    process.stdout.on('resize', this.#onResize).on('error', this.#ears.onGone)
    process.on('exit', this.#giveBack)
    process.on('SIGCONT', this.#onContinue)
  }

  close(): void {
    process.stdin.off('data', this.#onData).off('end', this.#ears.onGone).pause()
    process.stdout.off('resize', this.#onResize)
    process.off('SIGCONT', this.#onContinue)
    this.#giveBack()
    process.off('exit', this.#giveBack)
  }

  /** Shows only these lines, from the top. */
  draw(lines: readonly string[]): void {
    const frame = `\x1b[H${lines.map((line) => `${line}\x1b[0m\x1b[K`).join('\r\n')}\x1b[J`
    if (!this.#isOpen || frame === this.#shown) return
    this.#shown = frame
    process.stdout.write(frame)
  }

  readonly #onData = (data: string | Buffer): void => {
    for (const [key] of String(data).matchAll(KEYS)) {
      if (key !== '\x1a') this.#ears.onKey(NAMES.get(key) ?? key)
      else {
        this.#giveBack()
        process.kill(process.pid, 'SIGTSTP')
      }
    }
  }
  readonly #onResize = (): void => {
    this.#shown = ''
    this.#ears.onResize()
  }
  readonly #onContinue = (): void => {
    this.#take()
    this.#onResize()
  }

  #take(): void {
    if (this.#isOpen) return
    this.#isOpen = true
    this.#shown = ''
    process.stdin.setRawMode(true)
    writeNow(ENTER)
  }
  readonly #giveBack = (): void => {
    if (!this.#isOpen) return
    this.#isOpen = false
    try {
      process.stdin.setRawMode(false)
    } catch {
      // The terminal is gone: there is nothing to restore.
    }
    writeNow(LEAVE)
  }
}

/** Synchronous: an exiting process waits for no stream. */
function writeNow(text: string): void {
  try {
    writeSync(1, text)
  } catch {
    // The terminal is gone.
  }
}
