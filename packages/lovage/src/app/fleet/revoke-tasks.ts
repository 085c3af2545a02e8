import { growingMs } from '../../kernel/index.js'
import type { AppCore } from '../core/index.js'
import type { RevokeOptions } from '../results/index.js'
import { tell } from './broadcast.js'
import { freeRevoked } from './free-keys.js'
import { revoke, revokeByStamps } from './revoke.js'

/** Keeps tasks from running, and stops running ones with `terminate`: stored for future workers, broadcast to current ones. */
export async function revokeTasks(
  core: AppCore,
  ids: readonly string[],
  options: RevokeOptions,
): Promise<void> {
  const atMs = growingMs(core.clock)
  await revoke(core, ids, options, atMs)
  // Python's workers ignore fields they do not know.
  await tell(core, 'revoke', { task_id: ids, ...howOf(options), at_ms: atMs })
  await freeRevoked(core, ids)
}

/** The same for all tasks that carry one of the stamps. */
export async function revokeStamped(
  core: AppCore,
  stamps: Readonly<Record<string, unknown>>,
  options: RevokeOptions,
): Promise<void> {
  await revokeByStamps(core, stamps, options)
  await tell(core, 'revoke_by_stamped_headers', { headers: stamps, ...howOf(options) })
}

const howOf = ({ terminate = false, signal }: RevokeOptions): Readonly<Record<string, unknown>> => ({
  terminate,
  signal: signal ?? 'SIGTERM',
})
