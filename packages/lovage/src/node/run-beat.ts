import type { AppCore } from '../app/core/index.js'
import { type OpenBeatOptions, openBeat } from '../beat/index.js'
import { holdProcess } from '../kernel/index.js'
import { connectAtStart } from './connect-at-start.js'
import { onShutdownSignal } from './shutdown-signals.js'

/** The options of a beat process. */
export interface BeatNodeOptions extends OpenBeatOptions {
  readonly hostname: string
  /** Called once connected; time for a banner. */
  readonly onConnected?: (facts: { readonly broker: string; readonly schedule: string }) => void
}

/** Runs a beat until a signal stops it; another beat then takes the lead. */
export async function runBeat(app: AppCore, options: BeatNodeOptions): Promise<void> {
  const { hostname, onConnected, ...beatOptions } = options
  const ending = new AbortController()
  const off = onShutdownSignal(app.logger, (how, signal) => {
    // The lead expires on its own.
    if (how === 'now') process.exit(1)
    app.logger.warn({ signal }, 'beat: Shutting down...')
    ending.abort()
  })
  // Until the first connection, nothing else keeps the process alive.
  const release = holdProcess()
  try {
    const { broker } = await connectAtStart(app, ending.signal)
    await using opened = await openBeat(app, beatOptions)
    onConnected?.({ broker: broker.location, schedule: opened.location })
    await app.signals.tell('beatInit', { hostname })
    app.logger.info({ hostname }, 'beat: Starting...')
    ending.signal.addEventListener('abort', () => void opened.beat.stop(), { once: true })
    if (!ending.signal.aborted) await opened.beat.run()
  } catch (error) {
    if (!ending.signal.aborted) throw error
  } finally {
    release()
    off()
    await app.close()
  }
}
