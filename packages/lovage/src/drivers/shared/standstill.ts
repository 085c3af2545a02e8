import type { Logger } from '../../kernel/index.js'

/** Says whose tasks go to others, because their process's event loop has stood still for too long. */
export function tellStandstill(
  logger: Logger,
  holder: string,
  blockedMs: number,
  tasks: readonly string[],
): void {
  const where = tasks.length === 0 ? '' : ` in ${tasks.join(', ')}`
  logger.warn(
    { holder, blockedMs, tasks },
    `The event loop has stood still for ${Math.round(blockedMs / 1000)} s${where}: its tasks go to other workers`,
  )
}
