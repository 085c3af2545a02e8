import { type LogLevel, setDefaultLogger } from '../../kernel/index.js'
import type { SourcedApp } from '../../loader/index.js'
import { openLog } from '../../node/index.js'
import { enterWorkdir, type GlobalOptions, openApp } from './open-app.js'

/** Runs a short command with its app, and closes the app. */
export async function useApp<T>(
  globals: GlobalOptions,
  needs: 'tasks' | 'settings',
  work: (opened: SourcedApp) => Promise<T>,
): Promise<T> {
  enterWorkdir(globals)
  const level: LogLevel = globals.quiet ? 'error' : 'warning'
  const { logger } = await openLog({ level, ...(globals.color ? {} : { color: false }) })
  setDefaultLogger(logger)
  const opened = await openApp(globals, needs)
  try {
    return await work(opened)
  } finally {
    await opened.app.close()
  }
}
