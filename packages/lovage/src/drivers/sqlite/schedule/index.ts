export { openSqliteScheduleStore } from './sqlite-schedule-store.js'
