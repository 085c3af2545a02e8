export { type Running, startCommand } from './command.js'
export {
  type Database,
  databaseOf,
  openDatabase,
  type Row,
  type Sql,
  type Transaction,
  type Value,
} from './database.js'
export { leftOver, untilCount } from './left-over.js'
export { bodyOf, type Loopback, listen, serveApp } from './loopback.js'
export { type Mail, type Mailbox, openMailbox } from './mailbox.js'
export { type Counter, type Histogram, Meters } from './meters.js'
export { openStage } from './open-stage.js'
export { type Receiver, startReceiver } from './receiver.js'
export type { Done, Places, Stage, System } from './stage.js'
export { together } from './together.js'
