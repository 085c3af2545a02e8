import { type Debugger, Session } from 'node:inspector'
import type { MainReport } from './block-report.js'

/** The report when the main thread cannot be inspected. */
const UNSEEN: MainReport = { task: null, stack: [] }
const EXPRESSION = "globalThis[Symbol.for('lovage.blocking')]?.()"

/**
 * Pauses the main thread briefly, as a debugger would, and reads its stack and current task. Native code (a synchronous child process,
 * `Atomics.wait`) does not pause: the report is then empty after `patienceMs`.
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
      // The reply comes before the disconnect; a debugger left on would slow the program down.
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
