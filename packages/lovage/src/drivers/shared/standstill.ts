import type { Logger } from '../../kernel/index.js'

/** Reports whose tasks go to others because the event loop of their process has been blocked for too long. */
export function tellStandstill(
  logger: Logger,
  holder: string,
  blockedMs: number,
  tasks: readonly string[],
): void {
  const where = tasks.length === 0 ? '' : ` in ${tasks.join(', ')}`
  logger.warn(
    { holder, blockedMs, tasks },
    `The event loop was blocked for ${Math.round(blockedMs / 1000)} s${where}: its tasks go to other workers`,
  )
}
