import { describeScheduleStore } from '../../../schedule-store/schedule-store.suite.js'
import { openMemoryScheduleStore } from './memory-schedule-store.js'

describeScheduleStore({
  name: 'memory',
  start: async () => ({
    open: async (space) => openMemoryScheduleStore('memory://suite', space),
    stop: async () => {},
  }),
})
