import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../packages/lovage/dist/cli/main.js', import.meta.url))

/** A `celery …` command that runs. */
export interface Running {
  readonly pid: number
  /** Its exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>
  kill(signal: NodeJS.Signals): void
  /** What it has written so far. */
  output(): string
  /** Resolves when its output holds this; rejects when it ends without it. */
  says(pattern: RegExp): Promise<void>
}

/** Starts a command of `celery` in a folder, as a terminal there would; `onOutput` is told what it writes. */
export function startCommand(
  words: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
  onOutput: (text: string) => void = () => {},
): Running {
  const child: ChildProcess = spawn(process.execPath, [MAIN, ...words], {
    cwd,
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  if (child.pid === undefined) throw new Error(`celery ${words.join(' ')} did not start`)
  let output = ''
  const waiting = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text
      onOutput(text)
      for (const look of waiting) look()
    })
  }
  const exited = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals)
  return {
    pid: child.pid,
    exited,
    kill: (signal) => void child.kill(signal),
    output: () => output,
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!pattern.test(output)) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
        void exited.then((code) => {
          waiting.delete(look)
          reject(
            new Error(`celery ${words.join(' ')} ended with ${code} before it said ${pattern}:\n${output}`),
          )
        })
      }),
  }
}
