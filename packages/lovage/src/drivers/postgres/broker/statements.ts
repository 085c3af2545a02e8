import { readSql } from '../../../process/index.js'
import { prepare } from '../client/index.js'

/** The statements of messages and of claims. */
export const sql = {
  ...readSql(new URL('./publish.sql', import.meta.url), ['publish', 'publishAlike']),
  ...readSql(new URL('./messages.sql', import.meta.url), [
    'addQueues',
    'bind',
    'bindings',
    'ring',
    'ringWithin',
    'promote',
    'nextDue',
    'forgetOnce',
    'forgetPublishers',
    'broadcast',
    'keepBroadcast',
    'keptBroadcast',
    'facts',
  ]),
  ...readSql(new URL('./claims.sql', import.meta.url), [
    'claim',
    'renew',
    'restore',
    'held',
    'heldTasks',
    'ack',
    'requeue',
    'postpone',
    'detach',
  ]),
}

prepare(sql.publish, sql.publishAlike, sql.ring, sql.claim, sql.ack)

/** The tables of messages. */
export const MESSAGES = {
  name: 'messages',
  steps: [
    new URL('./schema-1.sql', import.meta.url),
    new URL('./schema-2.sql', import.meta.url),
    new URL('./schema-3.sql', import.meta.url),
  ],
}
