export { defineEntry, type EntryDefinition } from '../schedule-store/index.js'
export type { Beat, BeatStatus, BeatTuning } from './beat.js'
export {
  type OpenBeat,
  type OpenBeatOptions,
  openBeat,
  openSchedules,
  type ScheduleLocation,
  schedulesOfFleet,
} from './open-beat.js'
export type { EntryChanges, Schedules, ScheduleView } from './schedules.js'
