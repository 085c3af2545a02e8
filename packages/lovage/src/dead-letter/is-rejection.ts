import type { DeadLetter } from './store.js'

/** Whether a message was rejected, as opposed to one whose task ran and failed, which was acked. */
export const isRejection = ({ reason }: Pick<DeadLetter, 'reason'>): boolean => reason !== 'failed'
