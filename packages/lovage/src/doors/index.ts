export { addHealthTasks, type HealthTaskOptions } from './health-tasks.js'
export {
  checkDeploy,
  examine,
  getOpenBreakers,
  getQueueHealth,
  getScale,
  openBeat,
  openSchedules,
  startWorker,
} from './on-demand.js'
export { dogstatsd, notifier } from './steps.js'
