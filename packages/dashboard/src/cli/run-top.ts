import type { Overview } from '../data/overview.js'
import type { PageData } from '../data/page-frame.js'
import type { WorkersPage } from '../data/workers-page.js'
import { type DashboardClient, type DashboardPlace, dashboardClient } from './dashboard-client.js'
import { topScreen } from './top-screen.js'

/** The options of the terminal view. */
export interface TopOptions extends DashboardPlace {
  /** Seconds between updates. */
  readonly interval: number
  /** Prints one screen, and exits. */
  readonly once: boolean
}

/** The terminal to draw on. */
export interface Screen {
  readonly rows: number
  readonly columns: number
  write(text: string): void
}

const CLEAR = '\u001b[H\u001b[2J'
const HIDE = '\u001b[?25l'
const SHOW = '\u001b[?25h'

/**
 * Shows a dashboard's overview in the terminal until the signal is aborted.
 * @throws {ConnectionError} LVG_CONNECTION_FAILED when no dashboard answers at first; later failures are shown on the screen.
 * @example
 * import { runTop } from '@lovage/dashboard/cli'
 * const screen = { rows: 24, columns: 80, write: (text: string) => process.stdout.write(text) }
 * await runTop({ url: 'http://127.0.0.1:5555', interval: 2, once: true }, screen, AbortSignal.timeout(60_000))
 */
export async function runTop(options: TopOptions, screen: Screen, signal: AbortSignal): Promise<void> {
  const client = dashboardClient(options)
  let lines = await picture(client, screen)
  if (options.once) {
    screen.write(`${lines.join('\n')}\n`)
    return
  }
  screen.write(HIDE)
  try {
    while (!signal.aborted) {
      screen.write(`${CLEAR}${lines.join('\r\n')}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, options.interval * 1000)
        const end = (): void => {
          clearTimeout(timer)
          resolve()
        }
        signal.addEventListener('abort', end, { once: true })
      })
      if (signal.aborted) break
      lines = await picture(client, screen).catch((error: unknown) => [
        error instanceof Error ? error.message : String(error),
        ...lines.slice(0, screen.rows - 2),
      ])
    }
  } finally {
    screen.write(`${SHOW}\r\n`)
  }
}

async function picture(client: DashboardClient, screen: Screen): Promise<readonly string[]> {
  const [overview, workers] = await Promise.all([
    client.get<PageData<Overview>>(''),
    client.get<PageData<WorkersPage>>('workers'),
  ])
  return topScreen(overview, workers, screen)
}
