/**
 * A fleet's events, aggregated, for monitoring programs.
 *
 * @module lovage/monitor
 */
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
