import type { Lovage } from '../../app/index.js'
import { type Logger, maskSecrets } from '../../kernel/index.js'
import { Monitor } from './monitor.js'
import { oneLine } from './screen-text.js'
import { Terminal } from './terminal.js'

/** The minimum milliseconds between frames. */
const FRAME_MS = 200
/** Milliseconds between frames while idle: times change, and workers may go silent. */
const IDLE_MS = 1000

/** Runs the live view on this process's terminal until the user or a signal quits it. */
export async function runMonitor(
  app: Lovage,
  location: string,
  whileTold: (work: () => Promise<void>) => Promise<void>,
): Promise<void> {
  let redraw = (): void => {}
  await using cluster = await app.events.cluster({ onEvent: () => redraw() })
  await whileTold(
    () =>
      new Promise((resolve) => {
        const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
        let timer: NodeJS.Timeout | undefined
        const quit = (): void => {
          clearTimeout(timer)
          clearInterval(idle)
          redraw = () => {}
          for (const signal of signals) process.off(signal, quit)
          terminal.close()
          resolve()
        }
        const monitor = new Monitor({
          cluster,
          title: String(maskSecrets('', location)),
          now: () => app.clock.now(),
          revoke: async (id, terminate) => {
            await app.control.revoke(id, { terminate })
            return `Revoked ${id}${terminate ? ', and terminated where it runs' : ''}.`
          },
          rateLimit: async (name, rate) => {
            await app.control.rateLimit(name, rate)
            return `${name} may run ${rate === '0' ? 'without a limit' : rate}, in the whole cluster.`
          },
          stats: async (destination) => {
            const { [destination]: stats } = await app.control.inspect({ destination, timeout: 3 }).stats()
            return stats === undefined ? 'It does not answer.' : JSON.stringify(stats, null, 2)
          },
          onChange: () => redraw(),
          onQuit: quit,
        })
        const draw = (): void => {
          timer = undefined
          const { rows, columns } = terminal.size
          terminal.draw(monitor.lines(rows, columns))
        }
        redraw = () => {
          timer ??= setTimeout(draw, FRAME_MS)
        }
        const terminal = new Terminal({
          onKey(key) {
            monitor.key(key)
            // A key press needs an immediate update.
            draw()
          },
          onResize: draw,
          onGone: quit,
        })
        const idle = setInterval(draw, IDLE_MS)
        for (const signal of signals) process.on(signal, quit)
        // A log line written across the screen would stay there: it is shown below the list instead.
        app.logger = noteLogger((sentence) => monitor.note(sentence))
        terminal.open()
        draw()
      }),
  )
}

function noteLogger(say: (sentence: string) => void): Logger {
  const at = (_fields: object, message: string): void => say(oneLine(message))
  const logger: Logger = { debug() {}, info() {}, warn: at, error: at, child: () => logger }
  return logger
}
