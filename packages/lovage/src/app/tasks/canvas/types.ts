import type { AnySignature, Signature } from './signature.js'

/** Every prefix of the list `T`, including the empty one and the whole. */
export type Prefixes<T extends readonly unknown[]> = number extends T['length']
  ? T
  : T extends readonly []
    ? []
    : T extends readonly [infer Head, ...infer Tail]
      ? [] | [Head, ...Prefixes<Tail>]
      : T extends readonly [(infer Head)?, ...infer Tail]
        ? [] | [Head, ...Prefixes<Tail>]
        : []

/** Every suffix of the list `T`: the arguments a signature may be given. */
export type Suffixes<T extends readonly unknown[]> = number extends T['length']
  ? T
  : T extends readonly []
    ? []
    : T extends readonly [unknown, ...infer Tail]
      ? T | Suffixes<Tail>
      : T extends readonly [unknown?, ...infer Tail]
        ? T | Suffixes<Tail>
        : []

/** The prefixes that complete a call, given the arguments behind them. */
export type Fitting<Lead, Given extends readonly unknown[], Args> = Lead extends readonly unknown[]
  ? [...Lead, ...Given] extends Args
    ? Lead
    : never
  : never

/** The fields of a task's named arguments that are not given yet. */
export type Missing<Input, Given> = Omit<Input, keyof Given>

/** What a task with named arguments may still take as a step: the value of one missing field, or all missing fields. */
export type NamedLead<Input, Given> =
  | (Record<never, never> extends Missing<Input, Given> ? [] : never)
  | [lead: Input[Exclude<keyof Input, keyof Given>] | Missing<Input, Given>]

/** The arguments of `task.s`. */
export type GivenOf<Args> = Args extends readonly unknown[] ? Suffixes<Args> : [given?: Partial<Args>]

/** The arguments a task's signature still takes before those it was given. */
export type LeadFor<Args, Given extends readonly unknown[]> = Args extends readonly unknown[]
  ? Fitting<Prefixes<Args>, Given, Args>
  : NamedLead<Args, Given extends readonly [infer Fields] ? Fields : Record<never, never>>

/** The arguments that every signature of a list takes. */
export type LeadOfAll<Members extends readonly AnySignature[]> = Members extends readonly []
  ? []
  : (
        Members[number] extends infer Member
          ? Member extends Signature<infer Lead, unknown, unknown>
            ? (lead: Lead) => void
            : never
          : never
      ) extends (lead: infer All) => void
    ? All extends readonly unknown[]
      ? All
      : never
    : never

/** The results of a list of signatures. */
export type GroupOut<Members extends readonly AnySignature[]> = {
  -readonly [Place in keyof Members]: Members[Place] extends Signature<never, infer Out, unknown>
    ? Out
    : never
}

/** Results some of which may be failures, as `Promise.allSettled` gives them. */
export type Settled<Results extends readonly unknown[]> = {
  [Place in keyof Results]: PromiseSettledResult<Results[Place]>
}
