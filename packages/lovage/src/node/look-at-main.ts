import { type Debugger, Session } from 'node:inspector'
import type { MainReport } from './block-report.js'

/** Nothing is known of the main thread. */
const UNSEEN: MainReport = { task: null, stack: [] }
const EXPRESSION = "globalThis[Symbol.for('lovage.blocking')]?.()"

/**
 * Stops the main thread for a moment, as a debugger would, and asks it where it is and in which task. Native code (a synchronous
 * child process, `Atomics.wait`) does not stop: then nothing is known after `patienceMs`.
 */
export function lookAtMain(patienceMs: number): Promise<MainReport> {
  return new Promise((resolve) => {
    const session = new Session()
    session.connectToMainThread()
    let isOver = false
    const end = (report: MainReport): void => {
      if (isOver) return
      isOver = true
      clearTimeout(patience)
      session.post('Debugger.resume')
      // Answered before it is cut off; and a debugger that is left on makes the program slow.
      session.post('Debugger.disable', () => session.disconnect())
      resolve(report)
    }
    const patience = setTimeout(() => end(UNSEEN), patienceMs)
    session.once('Debugger.paused', ({ params: { callFrames } }) => {
      const callFrameId = callFrames[0]?.callFrameId ?? ''
      const ask = { callFrameId, expression: EXPRESSION, returnByValue: true }
      const hear = (error: Error | null, reply?: Debugger.EvaluateOnCallFrameReturnType): void => {
        const text: unknown = error ? undefined : reply?.result.value
        // BlockWatch wrote it.
        end(typeof text === 'string' ? (JSON.parse(text) as MainReport) : UNSEEN)
      }
      session.post('Debugger.evaluateOnCallFrame', ask, hear)
    })
    session.post('Debugger.enable')
    session.post('Debugger.pause')
  })
}
