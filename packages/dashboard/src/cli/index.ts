export { optionsHelp } from './help.js'
export { type RunningDashboard, runDashboard } from './run-dashboard.js'
export { runTasks, type TasksOptions } from './run-tasks.js'
export { runTop, type Screen, type TopOptions } from './run-top.js'
