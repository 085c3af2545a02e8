export { openPostgresScheduleStore } from './postgres-schedule-store.js'
