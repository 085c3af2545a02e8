/** `lovage/monitor`: what a fleet tells, added up, for programs that watch one. */
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
