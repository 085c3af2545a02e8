import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Lovage } from '../../app/index.js'
import { ConfigurationError, setDefaultLogger, stayAlive } from '../../kernel/index.js'
import { enterWorkdir, type GlobalOptions, openApp } from '../shared/open-app.js'
import { openProcessLog } from '../shared/process-log.js'

/** What is used of the package, which is not this one's dependency. */
interface DashboardPackage {
  optionsHelp(): string
  runDashboard(
    app: Lovage,
    argv: readonly string[],
  ): Promise<{ readonly url: string; close(): Promise<void> }>
}

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

const NAME = '@lovage/dashboard'

/** The package, as the project has it, or whoever installed this one. */
async function loadDashboard(): Promise<DashboardPackage> {
  for (const from of [join(process.cwd(), 'package.json'), import.meta.url]) {
    const path = resolved(from)
    if (path !== undefined) return (await import(pathToFileURL(path).href)) as DashboardPackage
  }
  throw new ConfigurationError(`The dashboard needs the package ${NAME}: npm install ${NAME}`, {
    code: 'LVG_DRIVER_MISSING',
    details: { package: NAME },
  })
}

function resolved(from: string): string | undefined {
  try {
    return createRequire(from).resolve(`${NAME}/cli`)
  } catch (error) {
    // Anything else than its absence is to be heard of.
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}
