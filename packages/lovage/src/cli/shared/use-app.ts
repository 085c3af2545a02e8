import type { Lovage } from '../../app/index.js'
import { type LogLevel, setDefaultLogger } from '../../kernel/index.js'
import { openLog } from '../../node/index.js'
import { enterWorkdir, type GlobalOptions, openApp } from './open-app.js'

/** Runs a short command with its app, and closes the app. */
export async function useApp<T>(
  globals: GlobalOptions,
  needs: 'tasks' | 'settings',
  work: (app: Lovage, file: string | undefined) => Promise<T>,
): Promise<T> {
  enterWorkdir(globals)
  const level: LogLevel = globals.quiet ? 'error' : 'warning'
  const { logger } = await openLog({ level, ...(globals.color ? {} : { color: false }) })
  setDefaultLogger(logger)
  const { app, file } = await openApp(globals, needs)
  try {
    return await work(app, file)
  } finally {
    await app.close()
  }
}
