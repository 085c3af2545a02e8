/** `lovage/monitor`: a fleet's events, aggregated, for monitoring programs. */
export {
  ClusterState,
  type ClusterStateOptions,
  isLate,
  readTaskEvent,
  type SeenTask,
  type SeenWorker,
  type TaskChoice,
  type TaskEvent,
  type TaskFacts,
  type ToldState,
} from '../cluster/index.js'
