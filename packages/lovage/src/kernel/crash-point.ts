/** The points at which a test may kill the process, in the order in which a task passes them. */
export type CrashPoint =
  | 'publish:before'
  | 'payload:after-put'
  | 'publish:after'
  | 'guard:before-publish'
  | 'guard:after-publish'
  | 'claim:after'
  | 'run:before'
  | 'run:after'
  | 'settle:before'
  | 'settle:after-continuation'
  | 'settle:after-result'
  | 'settle:after-ack'
  | 'join:after-arrival'
  | 'join:after-body'
  | 'postpone:before'
  | 'promote:after'
  | 'restore:after'
  | 'migrate:before-publish'
  | 'migrate:after-publish'
  | 'migrate:after-removal'
  | 'redrive:before-publish'
  | 'redrive:after-publish'
  | 'redrive:after-removal'
  | 'beat:elected'
  | 'beat:before-publish'
  | 'beat:after-publish'
  | 'beat:after-advance'

/** The key of a test's hook; shared by every copy of this package in the process. */
const HOOK = Symbol.for('lovage.crash-point')

/**
 * Announces that the task has reached `name`. Costs one lookup; does nothing unless a test installed a hook (`lovage/testing`) or
 * LOVAGE_CRASH_POINT names a point: `settle:after-result#3` kills the process with SIGKILL on the third pass.
 */
export function crashPoint(name: CrashPoint): void {
  ;(globalThis as { [HOOK]?: (name: CrashPoint) => void })[HOOK]?.(name)
}

/**
 * Installs the hook that runs at crash points; undefined removes it.
 *
 * @example
 * import { onCrashPoint } from 'lovage/testing'
 * onCrashPoint((name) => console.log(name))
 * onCrashPoint(undefined)
 */
export function onCrashPoint(hook: ((name: CrashPoint) => void) | undefined): void {
  const holder = globalThis as { [HOOK]?: (name: CrashPoint) => void }
  if (hook) holder[HOOK] = hook
  else delete holder[HOOK]
}

const wanted = process.env.LOVAGE_CRASH_POINT
if (wanted) {
  const [point, passage = '1'] = wanted.split('#')
  let left = Number(passage)
  onCrashPoint((name) => {
    if (name === point && --left === 0) process.kill(process.pid, 'SIGKILL')
  })
}
