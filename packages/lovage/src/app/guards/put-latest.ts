import { type CoordinationStore, type Mark, OPEN_KEY } from '../../coordination/index.js'
import { type Clock, delay, stayAlive } from '../../kernel/index.js'
import { LATEST, stampOf } from './guard-header.js'

/** How long an open transaction that makes a later call is waited for. */
const PATIENCE_MS = 1_000
const LOOK_AGAIN_MS = 20

/** Marks a call as the latest of its key, unless a later one is marked. */
export async function putLatest(
  clock: Clock,
  coordination: CoordinationStore,
  mark: Mark,
  stamp: number,
): Promise<void> {
  const untilMs = clock.now() + PATIENCE_MS
  for (;;) {
    const [standing] = await coordination.put(LATEST, [mark], { ifAbsent: true })
    if (!standing || standing.value === mark.value || stampOf(standing.value) > stamp) return
    if (standing.value === OPEN_KEY) {
      // Calls without a mark run as well.
      if (clock.now() >= untilMs) return
      await stayAlive(delay(clock, LOOK_AGAIN_MS))
      continue
    }
    const [isReplaced] = await coordination.replace(LATEST, [{ was: standing.value, mark }])
    if (isReplaced) return
  }
}
