export { optionsHelp } from './help.js'
export { type RunningDashboard, runDashboard } from './run-dashboard.js'
