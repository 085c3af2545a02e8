import { openMemoryScheduleStore } from './memory-schedule-store.js'
import { describeScheduleStore } from './schedule-store.suite.js'

describeScheduleStore({
  name: 'memory',
  start: async () => ({
    open: async (space) => openMemoryScheduleStore('memory://suite', space),
    stop: async () => {},
  }),
})
