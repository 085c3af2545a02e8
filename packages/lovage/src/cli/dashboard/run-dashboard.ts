import { setDefaultLogger, stayAlive } from '../../kernel/index.js'
import { loadDashboard } from '../shared/load-dashboard.js'
import { enterWorkdir, type GlobalOptions, openApp } from '../shared/open-app.js'
import { openProcessLog } from '../shared/process-log.js'

/** Runs the dashboard until a signal ends it; resolves to the exit code. */
export async function runDashboardCommand(globals: GlobalOptions, argv: readonly string[]): Promise<number> {
  enterWorkdir(globals)
  const { optionsHelp, runDashboard } = await loadDashboard()
  if (argv.includes('--options')) {
    process.stdout.write(optionsHelp())
    return 0
  }
  const log = await openProcessLog({ ...globals, loglevel: 'info' }, 'dashboard')
  setDefaultLogger(log.logger)
  const { app } = await openApp(globals, 'settings')
  const ended = new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve()).once('SIGTERM', () => resolve())
  })
  try {
    const dashboard = await runDashboard(app, argv)
    if (!globals.quiet) process.stderr.write(`The dashboard is at ${dashboard.url}\n`)
    await stayAlive(ended)
    await dashboard.close()
    return 0
  } finally {
    await app.close()
  }
}
