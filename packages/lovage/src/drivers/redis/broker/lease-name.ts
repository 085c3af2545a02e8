/** A lease of a holder: one for each queue where queues have slots of their own. */
export interface LeaseName {
  readonly holder: string
  /** Empty where all queues share a place. */
  readonly queue: string
}

/** The lease's name within a process. */
export const leaseName = ({ holder, queue }: LeaseName): string =>
  queue === '' ? holder : `${holder}\n${queue}`

export function readLeaseName(name: string): LeaseName {
  const end = name.indexOf('\n')
  return end < 0 ? { holder: name, queue: '' } : { holder: name.slice(0, end), queue: name.slice(end + 1) }
}
