import { globMatcher } from '../routing/index.js'
import { type AnnotatedTask, type AnyTask, checkAnnotation, type TaskOptions } from '../tasks/index.js'
import type { Settings } from './table.js'

/**
 * A task's effective options: the operator's annotations win over the code, and the settings fill in
 * the rest. Computed once per task and configuration.
 */
export function annotatedOptions(conf: () => Settings): (task: AnyTask) => TaskOptions {
  let cached: { readonly conf: Settings; readonly options: TaskOptions } | undefined
  return (task) => {
    const current = conf()
    if (cached?.conf !== current) cached = { conf: current, options: merge(task, current) }
    return cached.options
  }
}

function merge(task: AnyTask, conf: Settings): TaskOptions {
  const fromSettings: TaskOptions = {
    maxRetries: 3,
    acksLate: conf.taskAcksLate,
    acksOnFailureOrTimeout: conf.taskAcksOnFailureOrTimeout,
    ...(conf.taskAcksOnFailure === undefined ? {} : { acksOnFailure: conf.taskAcksOnFailure }),
    ...(conf.taskAcksOnTimeout === undefined ? {} : { acksOnTimeout: conf.taskAcksOnTimeout }),
    rejectOnWorkerLost: conf.taskRejectOnWorkerLost,
    trackStarted: conf.taskTrackStarted,
    ignoreResult: conf.taskIgnoreResult,
    storeErrorsEvenIfIgnored: conf.taskStoreErrorsEvenIfIgnored,
    ...(conf.taskTimeLimit === undefined ? {} : { timeLimit: conf.taskTimeLimit }),
    ...(conf.taskSoftTimeLimit === undefined ? {} : { softTimeLimit: conf.taskSoftTimeLimit }),
    ...(conf.taskDefaultRateLimit === undefined ? {} : { rateLimit: conf.taskDefaultRateLimit }),
  }
  const annotated = annotation(task, conf)
  checkAnnotation(task.name, annotated)
  const specific = { ...task.definition.own, ...annotated }
  return { ...withoutVainSoftLimit(fromSettings, specific), ...specific }
}

/** A soft limit for all tasks says nothing to one that must end before it. */
function withoutVainSoftLimit(
  { softTimeLimit, ...others }: TaskOptions,
  { timeLimit = 0 }: TaskOptions,
): TaskOptions {
  const isVain = softTimeLimit === undefined || (timeLimit > 0 && softTimeLimit > timeLimit)
  return isVain ? others : { ...others, softTimeLimit }
}

function annotation(task: AnyTask, { taskAnnotations }: Settings): TaskOptions {
  if (Array.isArray(taskAnnotations)) {
    const annotate = taskAnnotations as readonly ((task: AnnotatedTask) => TaskOptions | undefined)[]
    return Object.assign({}, ...annotate.map((one) => one(task.definition) ?? {}))
  }
  const record = taskAnnotations as Readonly<Record<string, TaskOptions>>
  const matching = Object.entries(record).filter(([pattern]) => globMatcher(pattern)(task.name))
  // The exact name wins over a pattern.
  matching.sort(([left], [right]) => Number(left === task.name) - Number(right === task.name))
  return Object.assign({}, ...matching.map(([, options]) => options))
}
