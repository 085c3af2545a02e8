import type { Lovage } from '../app/index.js'
import type { Delivery } from '../broker/index.js'
import type { Intake } from './intake.js'

/** Says why a message is not run: in the log, and to those who listen. */
export function tellIntake({ signals, logger, tasks }: Lovage, delivery: Delivery, intake: Intake): void {
  if (intake.kind === 'refused') {
    const { error, headers } = intake
    logger.error(
      { code: error.code, task_id: headers?.id, task_name: headers?.task, queue: delivery.queue },
      `message quarantined: ${error.message}`,
    )
    signals.emit('taskRejected', { headers, requeue: false, reason: error.message })
  } else if (intake.kind === 'unknown') {
    const { task: name, id } = intake.headers
    logger.error(
      { task_id: id, task_name: name, queue: delivery.queue },
      `${tasks.unknown(name).message} The message is kept.`,
    )
    signals.emit('taskUnknown', { name, id })
  } else if (intake.kind === 'revoked') {
    const { headers, why } = intake
    logger.info(
      { task_id: headers.id, task_name: headers.task, state: 'REVOKED' },
      `Discarding ${why} task ${headers.task}[${headers.id}]`,
    )
    signals.emit('taskRevoked', { headers, terminated: false, signum: null, expired: why === 'expired' })
  }
}
