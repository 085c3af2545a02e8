import type { EntryState } from './entry.js'
import type { Advance } from './schedule-store.js'

/** The state after a written advance. */
export function advanced(state: EntryState, { cursorMs, anchorMs, run }: Advance): EntryState {
  if (!run) return { ...state, cursorMs, anchorMs }
  return {
    anchorMs,
    cursorMs,
    lastTickMs: run.tickMs ?? state.lastTickMs,
    lastRunMs: run.atMs,
    lastTaskId: run.taskId,
    totalRunCount: state.totalRunCount + run.count,
  }
}
