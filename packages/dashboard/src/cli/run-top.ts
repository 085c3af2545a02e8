import { ConfigurationError, ConnectionError } from 'lovage'
import type { Overview } from '../data/overview.js'
import type { PageData } from '../data/page-frame.js'
import type { WorkersPage } from '../data/workers-page.js'
import { topScreen } from './top-screen.js'

/** How the terminal is filled. */
export interface TopOptions {
  /** Where a dashboard is: `http://ada:secret@127.0.0.1:5555/flower`. */
  readonly url: string
  readonly fleet?: string
  /** Seconds between two pictures. */
  readonly interval: number
  /** Prints one picture, and ends. */
  readonly once: boolean
}

/** The terminal that is drawn on. */
export interface Screen {
  readonly rows: number
  readonly columns: number
  write(text: string): void
}

const CLEAR = '\u001b[H\u001b[2J'
const HIDE = '\u001b[?25l'
const SHOW = '\u001b[?25h'
const TIMEOUT_MS = 10_000

/**
 * Shows in the terminal what the overview of a dashboard says, until the signal ends it.
 * @throws {ConnectionError} LVG_CONNECTION_FAILED when no dashboard answers at first; later that is said on the screen.
 */
export async function runTop(options: TopOptions, screen: Screen, signal: AbortSignal): Promise<void> {
  const ask = asker(options)
  let lines = await picture(ask, screen)
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
      lines = await picture(ask, screen).catch((error: unknown) => [
        error instanceof Error ? error.message : String(error),
        ...lines.slice(0, screen.rows - 2),
      ])
    }
  } finally {
    screen.write(`${SHOW}\r\n`)
  }
}

type Ask = <Page>(path: string) => Promise<Page>

async function picture(ask: Ask, screen: Screen): Promise<readonly string[]> {
  const [overview, workers] = await Promise.all([
    ask<PageData<Overview>>(''),
    ask<PageData<WorkersPage>>('workers'),
  ])
  return topScreen(overview, workers, screen)
}

function asker({ url, fleet }: TopOptions): Ask {
  if (!URL.canParse(url))
    throw new ConfigurationError(`${JSON.stringify(url)} is no URL of a dashboard.`, {
      code: 'LVG_USAGE',
      hint: 'Write --url http://127.0.0.1:5555',
    })
  const base = new URL(url.endsWith('/') ? url : `${url}/`)
  const { username, password } = base
  base.username = ''
  base.password = ''
  const headers: Record<string, string> = { accept: 'application/json' }
  if (username !== '')
    headers.authorization = `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`
  return async <Page>(path: string) => {
    const asked = new URL(path, base)
    asked.searchParams.set('format', 'json')
    if (fleet !== undefined) asked.searchParams.set('fleet', fleet)
    const response = await fetch(asked, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(
      (cause: unknown) => {
        throw new ConnectionError(`No dashboard answers at ${base.href}`, {
          code: 'LVG_CONNECTION_FAILED',
          hint: 'Start one (lovage -A src/app.ts dashboard), or say where it is: --url http://host:5555',
          cause,
        })
      },
    )
    if (!response.ok)
      throw new ConnectionError(`The dashboard at ${base.href} answers ${response.status}.`, {
        code: 'LVG_CONNECTION_FAILED',
        hint:
          response.status === 401 ? 'Name a user in the URL: http://user:password@host:5555' : 'See its log.',
      })
    // The dashboard's own form.
    return (await response.json()) as Page
  }
}
