import { readSql } from '../../kernel/index.js'

/** The statements of messages. */
export const sql = readSql(new URL('./messages.sql', import.meta.url), [
  'publish',
  'addQueues',
  'bind',
  'bindings',
  'ring',
  'ringWithin',
  'claim',
  'renew',
  'restore',
  'promote',
  'nextDue',
  'held',
  'heldTasks',
  'ack',
  'requeue',
  'postpone',
  'detach',
  'forgetOnce',
  'broadcast',
  'keepBroadcast',
  'keptBroadcast',
  'facts',
])

/** The tables of messages. */
export const MESSAGES = { name: 'messages', steps: [new URL('./schema-1.sql', import.meta.url)] }
