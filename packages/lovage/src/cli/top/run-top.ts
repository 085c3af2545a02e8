import { loadDashboard } from '../shared/load-dashboard.js'

/** The options of `top`. */
interface TopCommandOptions {
  readonly url: string
  readonly fleet?: string
  readonly interval: number
  readonly once?: boolean
}

/** Shows a dashboard's overview until a key or a signal ends it; without a terminal, once. */
export async function runTopCommand({ url, fleet, interval, once }: TopCommandOptions): Promise<void> {
  const { runTop } = await loadDashboard()
  const { stdout } = process
  const ending = new AbortController()
  const end = (): void => ending.abort()
  process.once('SIGINT', end).once('SIGTERM', end).once('SIGHUP', end)
  const screen = {
    get rows() {
      return stdout.rows ?? 1000
    },
    get columns() {
      return stdout.columns ?? 200
    },
    write: (text: string) => void stdout.write(text),
  }
  const isOnce = once === true || !stdout.isTTY
  await runTop(
    { url, interval, once: isOnce, ...(fleet === undefined ? {} : { fleet }) },
    screen,
    ending.signal,
  )
}
