export { openMemoryScheduleStore } from './memory-schedule-store.js'
