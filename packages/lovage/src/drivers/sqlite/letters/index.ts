export { openSqliteDeadLetters } from './open-sqlite-dead-letters.js'
