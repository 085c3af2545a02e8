export { checkDeploy, type DeployFinding } from './deploy-check.js'
export { examine, type Finding } from './doctor.js'
export { getActiveTasks, getTaskStatus, getWorkerStats, revokeTask, type TaskStatus } from './fleet.js'
export {
  getQueueHealth,
  type Health,
  type HealthStatus,
  type HealthThresholds,
  judge,
  type QueueHealth,
} from './queue-health.js'
export { getScale, type QueueScale } from './scale.js'
export { desiredReplicas, policyFrom, type QueueLoad, type ScalePolicy } from './scale-policy.js'
export type { EntryHealth } from './schedule-health.js'
export type { StuckTask } from './stuck-tasks.js'
