export { openPostgresDeadLetters } from './open-postgres-dead-letters.js'
