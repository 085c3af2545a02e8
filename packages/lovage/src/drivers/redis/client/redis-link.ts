import type { RedisConnection } from './redis-connection.js'

/** What a script or a command is sent through: one connection, or whichever one leads to the owner of a slot. */
export type RedisLink = Pick<
  RedisConnection,
  | 'target'
  | 'isReady'
  | 'isClosed'
  | 'command'
  | 'send'
  | 'sendForBytes'
  | 'transaction'
  | 'together'
  | 'listen'
  | 'sentScripts'
>
